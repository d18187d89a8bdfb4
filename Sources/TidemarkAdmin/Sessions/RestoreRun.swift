package import TidemarkCore
package import TidemarkEngine

/// A restore of many sessions, as `tidemark restore` runs it: page by page, at a bounded rate, with progress.
///
/// A run that was interrupted may be started again: sessions that are in Redis already are left alone.
package struct RestoreRun: Sendable {
  /// What a run came to so far.
  package struct Tally: Sendable, Equatable {
    package var restored = 0
    /// Sessions that were in Redis already.
    package var alreadyHot = 0
    /// Sessions that the ledger does not know, or that began after the point to restore.
    package var unknown = 0
    /// Sessions that were written to at the same time, and left alone.
    package var changedMeanwhile = 0
    /// Sessions that plain XADD writes. They have no state in Redis, and are restored only if they are named.
    package var plain = 0
    /// Sessions that Redis refused to write, and why it refused the last of them.
    package var refused = 0
    package var lastRefusal: SourceError?

    package var count: Int { restored + alreadyHot + unknown + changedMeanwhile + refused }
  }

  /// The sessions of a run.
  package enum Selection: Sendable, Equatable {
    case named([String])
    case matching(SessionFilter)
  }

  /// The number of sessions that are read and written at once. Larger pages are not faster, and a page is held in memory.
  static let page = 500

  private let restorer: SessionRestorer
  private let rewinder: SessionRewinder
  private let ledger: any HotStateLedger
  private let store: any HotStore
  private let clock: any WorkerClock
  private let rate: Int?
  private let overwrites: Bool
  private let point: EntryID?

  /// - Parameters:
  ///   - overwrites: whether sessions that are in Redis are replaced, too.
  ///   - point: the last entry of the state to restore; nil: the state as it is. A session that began later is left out.
  ///   - rate: sessions per second at most; nil without a limit.
  package init(
    restorer: SessionRestorer, ledger: any HotStateLedger, store: any HotStore, overwrites: Bool = false, at point: EntryID? = nil,
    rate: Int? = nil, clock: any WorkerClock = SystemClock()
  ) {
    self.restorer = restorer
    rewinder = SessionRewinder(ledger: ledger, store: store)
    self.ledger = ledger
    self.store = store
    self.overwrites = overwrites
    self.point = point
    self.rate = rate
    self.clock = clock
  }

  /// Restores the selected sessions.
  ///
  /// - Parameters:
  ///   - isDryRun: only counts what would be done.
  ///   - waitForCommits: waits until the ledger has what Redis holds of these sessions at the moment; called before sessions that are in Redis are
  ///     taken back to an earlier state.
  ///   - progress: is called after each page.
  /// - Throws: ``HotRefusal``, ``SourceError``, ``SinkError``, `CancellationError`, what `waitForCommits` throws; what was restored stays.
  package func run(
    _ selection: Selection, isDryRun: Bool, waitForCommits: ([String]) async throws -> Void, progress: (Tally) -> Void
  ) async throws -> Tally {
    var tally = Tally()
    let start = clock.now
    var pages = Pages(selection, ledger, size: min(Self.page, rate ?? Self.page))
    while let (all, plain) = try await pages.next() {
      var ids = all
      tally.plain += plain
      if let point {
        let begun = Set(try await ledger.begunSessions(all, by: point).map { SessionKey($0) })
        ids = all.filter { begun.contains(SessionKey($0)) }
        tally.unknown += all.count - ids.count
        if !overwrites {
          // Whatever is in Redis is newer than an earlier state, also what began there anew.
          let absent = zip(ids, try await store.presence(of: ids).presences).filter { $0.1 == .absent }.map(\.0)
          tally.alreadyHot += ids.count - absent.count
          ids = absent
        }
      }
      if isDryRun {
        try await count(ids, &tally)
      } else {
        try await restore(ids, &tally, waitForCommits)
      }
      progress(tally)
      if let rate { try await clock.sleep(until: start.advanced(by: .seconds(tally.count) / rate)) }
    }
    return tally
  }

  private func count(_ ids: [String], _ tally: inout Tally) async throws {
    let known = Set(try await ledger.hotSessions(ids, messages: 0).map { SessionKey($0.id) })
    for (id, presence) in zip(ids, try await store.presence(of: ids).presences) {
      if case .hot = presence, !overwrites {
        tally.alreadyHot += 1
      } else if known.contains(SessionKey(id)) {
        tally.restored += 1
      } else {
        tally.unknown += 1
      }
    }
  }

  private func restore(_ ids: [String], _ tally: inout Tally, _ waitForCommits: ([String]) async throws -> Void) async throws {
    // A session that is in Redis is taken back from there.
    let outcomes = try await restorer.restore(ids, overwrites: overwrites && point == nil)
    for outcome in outcomes {
      switch outcome {
      case .restored: tally.restored += 1
      case .alreadyHot: tally.alreadyHot += 1
      case .changedMeanwhile: tally.changedMeanwhile += 1
      case .refused(let error):
        tally.refused += 1
        tally.lastRefusal = error
      case nil: tally.unknown += 1
      }
    }
    guard let point else { return }
    let wanted = ids.indices.filter { place in
      if case .restored = outcomes[place] { true } else { overwrites && outcomes[place] == .alreadyHot }
    }
    // The numbers first: whatever comes after them is noticed.
    let presences = try await store.presence(of: wanted.map { ids[$0] }).presences
    try await waitForCommits(wanted.map { ids[$0] })
    for (place, presence) in zip(wanted, presences) {
      guard case .hot(let seq) = presence else { continue }
      let isRewound = try await rewinder.rewind(ids[place], to: point, expecting: seq) != .changedMeanwhile
      guard outcomes[place] == .alreadyHot else { continue }
      tally.alreadyHot -= 1
      if isRewound { tally.restored += 1 } else { tally.changedMeanwhile += 1 }
    }
  }

  /// The ids of the selected sessions, page by page.
  private struct Pages {
    private let selection: Selection
    private let ledger: any HotStateLedger
    private let size: Int
    private var last = ""
    private var done = 0

    init(_ selection: Selection, _ ledger: any HotStateLedger, size: Int) {
      self.selection = selection
      self.ledger = ledger
      self.size = size
    }

    /// Returns the sessions of the next page, and the number of those that are left out; nil: there are no more.
    mutating func next() async throws -> (ids: [String], plain: Int)? {
      let sessions: [KnownSession]
      switch selection {
      case .named(let names): sessions = names.dropFirst(done).prefix(size).map { KnownSession(id: $0, isNumbered: true) }
      case .matching(let filter): sessions = try await ledger.sessions(filter, after: last, limit: size)
      }
      guard let end = sessions.last else { return nil }
      last = end.id
      done += sessions.count
      let numbered = sessions.filter(\.isNumbered).map(\.id)
      return (numbered, sessions.count - numbered.count)
    }
  }
}
