import Testing

@testable import TidemarkCore
@testable import TidemarkPostgres

@Suite struct CommittedKeysTests {
  private static func batch(_ sessions: [String], oncePerKey: Bool = true) -> ChangeBatch {
    var batch = ChangeBatch(
      destinations: [Destination("d", .call, key: 1, oncePerKey: oncePerKey, [Destination.Column("session_id")])])
    for session in sessions {
      let number = Array(session.utf8).withUnsafeBytes { batch.sessions.insert($0) }.number
      batch.rowSets[0].cells.append(.session(Int32(number)))
      batch.rowSets[0].entries.append(0)
    }
    return batch
  }

  private static func missing(_ sessions: [String], _ keys: inout CommittedKeys, oncePerKey: Bool = true) -> [Int] {
    let batch = batch(sessions, oncePerKey: oncePerKey)
    let order = sessions.indices.map { RowSet.Ordered(row: $0) }
    return keys.missing(order, of: batch.rowSets[0], destination: 0, in: batch).map(\.row)
  }

  @Test func `a key is sent until a transaction with it is committed, and not again`() {
    var keys = CommittedKeys()
    #expect(Self.missing(["a", "b"], &keys) == [0, 1])
    // Not committed: it failed, and is sent again.
    keys.abandon()
    #expect(Self.missing(["a", "b"], &keys) == [0, 1])
    keys.committed(Self.batch(["a", "b"]))
    #expect(Self.missing(["b", "c", "a"], &keys) == [1])
    // What was committed before a failure still is.
    keys.abandon()
    #expect(Self.missing(["a", "c"], &keys) == [1])
    keys.forget()
    #expect(Self.missing(["a"], &keys) == [0])
  }

  @Test func `of a batch that was not applied whole, only the keys of what was applied are known`() {
    var keys = CommittedKeys()
    var batch = Self.batch(["a", "b", "c"])
    batch.rowSets[0].entries = [0, 1, 2]
    keys.committed([0, 2], of: batch)
    #expect(Self.missing(["a", "b", "c"], &keys) == [1])
  }

  @Test func `rows of other destinations are always sent`() {
    var keys = CommittedKeys()
    for _ in 0..<2 {
      #expect(Self.missing(["a"], &keys, oncePerKey: false) == [0])
      keys.committed(Self.batch(["a"], oncePerKey: false))
    }
  }

  @Test func `what is kept is bounded`() {
    var keys = CommittedKeys()
    let many = (0..<CommittedKeys.limit).map { "session-\($0)" }
    _ = Self.missing(many, &keys)
    keys.committed(Self.batch(many))
    #expect(Self.missing(many, &keys).isEmpty)
    #expect(Self.missing(["one more"], &keys) == [0])
    keys.committed(Self.batch(["one more"]))
    #expect(Self.missing(["one more"], &keys).isEmpty)
    #expect(Self.missing(many, &keys).count == many.count)
  }
}
