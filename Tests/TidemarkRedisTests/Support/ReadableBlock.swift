import TidemarkCore

/// An entry of a block as plain values, for comparisons.
struct ReadableEntry: Equatable, CustomStringConvertible {
  var lane: Int
  var id: String
  var fields: [[UInt8]]

  var description: String { "\(lane) \(id) \(fields.map { String(decoding: $0.prefix(40), as: UTF8.self) })" }
}

extension EntryBlock {
  var readable: [ReadableEntry] {
    sections.flatMap { section in
      entries[section.entries].map { entry in
        let parts = fields(of: entry).flatMap { [Array(bytes[$0.name]), Array(bytes[$0.value])] }
        return ReadableEntry(lane: section.lane, id: entry.id.description, fields: parts)
      }
    }
  }
}

extension LaneReadReply {
  var block: EntryBlock? { if case .entries(let block) = self { block } else { nil } }
  var isNothing: Bool { if case .nothing = self { true } else { false } }
  var isOverBudget: Bool { if case .overBudget = self { true } else { false } }
}

extension LaneReadRequest {
  static func of(
    _ lanes: String..., after: EntryID = .zero, count: Int = 100, block: Duration? = nil, budget: Int? = 1 << 24,
    maxEntryBytes: Int = 1 << 20, maxFields: Int = FlowLimits.defaultMaxFields
  ) -> LaneReadRequest {
    LaneReadRequest(
      positions: lanes.map { .init(lane: $0, after: after) }, count: count, block: block, budget: budget, maxEntryBytes: maxEntryBytes,
      maxFields: maxFields)
  }
}
