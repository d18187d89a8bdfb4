package import TidemarkCore

/// Waits for commits that a worker in another process makes.
package struct CommitWait: Sendable {
  /// Another process can only be asked for its progress; this is the pause between two questions.
  static let pause = Duration.milliseconds(100)

  private let ledger: any LaneLedger
  private let clock: any WorkerClock

  package init(ledger: any LaneLedger, clock: any WorkerClock = SystemClock()) {
    self.ledger = ledger
    self.clock = clock
  }

  /// Returns the lanes whose cursors are not at these entries at the deadline; none as soon as all are.
  ///
  /// - Throws: ``SinkError``, `CancellationError`.
  package func lanes(behind entries: [String: EntryID], within limit: Duration) async throws -> [String] {
    let deadline = clock.now.advanced(by: limit)
    while true {
      let cursors = try await ledger.records(of: entries.keys.sorted()).mapValues(\.cursor.position)
      let behind = entries.filter { cursors[$0.key, default: .zero] < $0.value }.keys.sorted()
      guard !behind.isEmpty, clock.now < deadline else { return behind }
      try await clock.sleep(until: min(deadline, clock.now.advanced(by: Self.pause)))
    }
  }
}
