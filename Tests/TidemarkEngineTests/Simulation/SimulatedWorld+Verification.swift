@testable import TidemarkCore

extension SimulatedWorld {
  /// What is not yet as it must become once all faults are over; empty when nothing is left to wait for.
  var unfinished: [String] { lanes.compactMap { unfinished($0) } }

  private func unfinished(_ lane: String) -> String? {
    guard let stream = redis.stream(lane) else {
      guard let record = ledger.content.lanes[lane] else { return nil }
      return record.ordinal == 0 ? nil : "\(lane): its stream is gone, and that is not recorded"
    }
    guard let record = ledger.content.lanes[lane] else { return "\(lane): not known to the ledger" }
    guard record.ordinal == stream.added, stream.entries.last.map({ $0.id <= record.cursor.position }) ?? true else {
      return "\(lane): committed \(record.cursor.position) of \(record.ordinal), Redis \(stream.last) of \(stream.added)"
    }
    guard record.cursor.position > .zero else { return nil }
    let server = catalog.markPlace(of: lane).keys == nil ? redis.markServer : redis.place(of: lane)
    guard let mark = redis.mark(of: lane, at: server) else { return "\(lane): no mark" }
    guard mark.incarnation == record.incarnation, mark.durable == record.cursor.position else {
      return "\(lane): the mark is \(mark.durable) of \(mark.incarnation), committed \(record.cursor.position) of \(record.incarnation)"
    }
    guard stream.hasGroup else { return "\(lane): it has no group" }
    let verified = ledger.verified(record).through
    guard verified == record.cursor.position else { return "\(lane): verified through \(verified), committed \(record.cursor.position)" }
    // The ids of some producers are ahead of the clock: their entries are kept.
    let isOld = stream.entries.allSatisfy { $0.id.ms < UInt64(time.milliseconds) }
    guard catalog.profile(of: lane)?.trimsStream == false || !isOld || stream.entries.count <= 1 else {
      return "\(lane): not trimmed: \(stream.entries.map(\.id))"
    }
    return nil
  }

  /// What the producers wrote is in the ledger once, or is a dead letter, or is accounted for as lost.
  func verify() {
    for lane in lanes {
      guard let record = ledger.content.lanes[lane] else { continue }
      let content = ledger.content
      let applied = content.applied[lane] ?? []
      let dead = Set(content.deadLetters[lane, default: [:]].keys)
      // What is in the ledger stays what it is there, whatever today's rules say; but it may become a change that was none.
      if !Set(applied).isDisjoint(with: content.rejectedThoughApplied[lane] ?? []) {
        problem("\(lane): a change was made a dead letter as well")
      }
      if Set(applied).count != applied.count { problem("\(lane): something is there twice") }
      if applied.contains(where: { written[$0] != lane }) { problem("\(lane): something is there that nobody wrote") }
      if Int64(applied.count) != record.cursor.appliedNo {
        problem("\(lane): \(applied.count) changes, \(record.cursor.appliedNo) counted")
      }
      if record.totals.discrepancy != 0 { problem("\(lane): what was read does not add up: \(record.totals)") }
      if record.totals.read + record.totals.missing + Int(record.baseline) != Int(record.ordinal) {
        problem("\(lane): what Redis added does not add up: \(record.totals), baseline \(record.baseline), ordinal \(record.ordinal)")
      }
      let decided = Set(applied).union(dead)
      let lost = written.filter { $0.value == lane && !decided.contains($0.key) }.map(\.key)
      for entry in redis.stream(lane)?.entries ?? [] where !decided.contains(entry.value) && !ambiguous.contains(lane) {
        problem("\(lane): \(entry.value) is in Redis as \(entry.id) and was never applied")
      }
      // What was trimmed or deleted before a worker saw the stream for the first time counts as its baseline.
      let missing = content.missing[lane, default: 0] + Int(record.baseline)
      if !hasLedgerLostCommits, !destroyed.contains(lane), lost.count != missing {
        problem("\(lane): \(lost.count) are lost (\(lost.sorted())), \(missing) are counted as missing")
      }
      // What went with a stream is not counted exactly: how much that was is not known.
      if !hasLedgerLostCommits, !ambiguous.contains(lane), content.missing[lane, default: 0] > removed[lane, default: 0] {
        problem("\(lane): \(content.missing[lane, default: 0]) are counted as removed from its streams, \(removed[lane, default: 0]) were")
      }
      if !hasLedgerLostCommits, tellable.contains(lane), !ambiguous.contains(lane), content.replacements[lane, default: []].isEmpty {
        problem("\(lane): another stream, and not a word")
      }
      note("applied entries", "\(applied.count) of \(lane)")
    }
  }
}
