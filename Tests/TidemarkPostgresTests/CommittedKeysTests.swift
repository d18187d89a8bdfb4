import Testing

@testable import TidemarkCore
@testable import TidemarkPostgres

@Suite struct CommittedKeysTests {
  private static func batch(_ sessions: [String], lane: Int64 = 1, oncePerKey: Bool = true) -> ChangeBatch {
    let columns = [Destination.Column("session_id"), Destination.Column("lane_id", "integer")]
    var batch = ChangeBatch(destinations: [Destination("d", .call, key: 2, oncePerKey: oncePerKey, columns)])
    for session in sessions {
      let number = Array(session.utf8).withUnsafeBytes { batch.sessions.insert($0) }.number
      batch.rowSets[0].cells += [.session(Int32(number)), .integer(lane)]
      batch.rowSets[0].entries.append(0)
    }
    return batch
  }

  private static func missing(
    _ sessions: [String], lane: Int64 = 1, _ keys: inout CommittedKeys, oncePerKey: Bool = true
  ) -> [Int] {
    let batch = batch(sessions, lane: lane, oncePerKey: oncePerKey)
    let order = sessions.indices.map { RowSet.Ordered(row: $0) }
    return keys.missing(order, of: batch.rowSets[0], destination: 0, in: batch).map(\.row)
  }

  @Test func `a key is sent until a transaction with it is committed, and not again`() {
    var keys = CommittedKeys()
    #expect(Self.missing(["a", "b"], &keys) == [0, 1])
    // Not committed: it failed, and is sent again.
    keys.abandon()
    #expect(Self.missing(["a", "b"], &keys) == [0, 1])
    keys.committed(Self.batch(["a", "b"]), version: 1)
    #expect(Self.missing(["b", "c", "a"], &keys) == [1])
    // What was committed before a failure still is.
    keys.abandon()
    #expect(Self.missing(["a", "c"], &keys) == [1])
    keys.forget()
    #expect(Self.missing(["a"], &keys) == [0])
  }

  @Test func `of a batch that was not applied whole, only the keys of what was applied are known`() {
    var keys = CommittedKeys()
    keys.committed(Self.batch([]), version: 1)
    var batch = Self.batch(["a", "b", "c"])
    batch.rowSets[0].entries = [0, 1, 2]
    keys.committed([0, 2], of: batch)
    #expect(Self.missing(["a", "b", "c"], &keys) == [1])
  }

  @Test func `keys hold for the version of the rows that was read before them, and without one nothing is kept`() {
    var keys = CommittedKeys()
    keys.committed([0], of: Self.batch(["a"]))
    #expect(keys.version == nil)
    #expect(Self.missing(["a"], &keys) == [0])
    keys.committed(Self.batch(["a"]), version: nil)
    #expect(Self.missing(["a"], &keys) == [0])
    keys.committed(Self.batch(["a"]), version: 7)
    #expect(keys.version == 7)
    // A later answer is not what the first keys were read under.
    keys.committed(Self.batch([]), version: 8)
    #expect(keys.version == 7)
    #expect(Self.missing(["a"], &keys).isEmpty)
    keys.forget()
    #expect(keys.version == nil)
  }

  @Test func `a session is sent once for each lane that changes it`() {
    var keys = CommittedKeys()
    #expect(Self.missing(["a"], lane: 1, &keys) == [0])
    keys.committed(Self.batch(["a"], lane: 1), version: 1)
    #expect(Self.missing(["a"], lane: 2, &keys) == [0])
    keys.committed([0], of: Self.batch(["a"], lane: 2))
    for lane in [1, 2] as [Int64] { #expect(Self.missing(["a"], lane: lane, &keys).isEmpty) }
  }

  @Test func `rows of other destinations are always sent`() {
    var keys = CommittedKeys()
    for _ in 0..<2 {
      #expect(Self.missing(["a"], &keys, oncePerKey: false) == [0])
      keys.committed(Self.batch(["a"], oncePerKey: false), version: 1)
    }
  }

  @Test func `what is kept is bounded, of all lanes together`() {
    var keys = CommittedKeys()
    #expect(Self.missing(["of another lane"], lane: 2, &keys) == [0])
    keys.committed(Self.batch(["of another lane"], lane: 2), version: 1)
    let many = (1..<CommittedKeys.limit).map { "session-\($0)" }
    _ = Self.missing(many, &keys)
    keys.committed(Self.batch(many), version: 1)
    #expect(Self.missing(many, &keys).isEmpty)
    #expect(Self.missing(["of another lane"], lane: 2, &keys).isEmpty)
    #expect(Self.missing(["one more"], &keys) == [0])
    keys.committed(Self.batch(["one more"]), version: 1)
    #expect(Self.missing(["one more"], &keys).isEmpty)
    #expect(Self.missing(many, &keys).count == many.count)
    #expect(Self.missing(["of another lane"], lane: 2, &keys) == [0])
  }
}
