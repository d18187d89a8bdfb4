internal import TidemarkCore

/// Asks Redis what became of lanes' streams.
struct LaneInspector: Sendable {
  typealias Look = (lane: LaneCheck, snapshot: LaneSnapshot, anchor: LaneFinding.Anchor)

  let source: any LaneSource
  let routes: RouteTable

  func look(_ lanes: [LaneCheck], _ settings: WorkerSettings) async throws -> [Look] {
    let snapshots = try await source.look(lanes.map { LaneReadRequest.Position(lane: $0.lane, after: $0.cursor) })
    return zip(lanes, snapshots).map { lane, snapshot in (lane, snapshot, anchor(of: lane, snapshot, settings)) }
  }

  /// Whether the cursor's entry is the one that was read, by the digest that the ledger keeps.
  private func anchor(of lane: LaneCheck, _ snapshot: LaneSnapshot, _ settings: WorkerSettings) -> LaneFinding.Anchor {
    switch snapshot.anchor {
    case .gone: return .gone
    case .there(let block):
      guard let block, let expected = lane.anchor else { return .unknown }
      var builder = BatchBuilder(table: routes, limits: settings.decode, builtIn: settings.builtIn)
      builder.append(lane: .unowned(lane.lane), [LaneChunk(block: block, blockID: 0, entries: 0..<1)])
      return builder.finish().entries.first?.digest == expected ? .same : .other
    }
  }
}

extension LaneRecord {
  /// For looking at an entry: it goes nowhere.
  fileprivate static func unowned(_ name: String) -> LaneRecord {
    LaneRecord(
      laneID: 0, name: name, shard: 0, fence: 0, incarnation: 0, cursor: LaneCursor(position: .zero, appliedNo: 0, seal: []), ordinal: 0,
      baseline: 0, owner: nil)
  }
}
