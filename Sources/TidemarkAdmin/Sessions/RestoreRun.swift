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
    /// Sessions that were named and that the ledger does not know.
    package var unknown = 0

    package var count: Int { restored + alreadyHot + unknown }
  }

  /// The sessions of a run.
  package enum Selection: Sendable, Equatable {
    case named([String])
    case matching(SessionFilter)
  }

  /// The number of sessions that are read and written at once. Larger pages are not faster, and a page is held in memory.
  static let page = 500

  private let restorer: SessionRestorer
  private let ledger: any HotStateLedger
  private let store: any HotStore
  private let clock: any WorkerClock
  private let rate: Int?

  /// - Parameter rate: sessions per second at most; nil without a limit.
  package init(
    restorer: SessionRestorer, ledger: any HotStateLedger, store: any HotStore, rate: Int?, clock: any WorkerClock = SystemClock()
  ) {
    self.restorer = restorer
    self.ledger = ledger
    self.store = store
    self.rate = rate
    self.clock = clock
  }

  /// Restores the selected sessions.
  ///
  /// - Parameters:
  ///   - isDryRun: only counts what would be done.
  ///   - progress: is called after each page.
  /// - Throws: ``SourceError``, ``SinkError``, `CancellationError`; what was restored stays.
  package func run(
    _ selection: Selection, overwrites: Bool, isDryRun: Bool, progress: (Tally) -> Void
  ) async throws -> Tally {
    var tally = Tally()
    let start = clock.now
    var pages = Pages(selection, ledger)
    while let ids = try await pages.next() {
      if isDryRun {
        let known = Set(try await ledger.hotSessions(ids, messages: 0).map(\.id))
        for (id, presence) in zip(ids, try await store.presence(of: ids)) {
          if presence == .hot, !overwrites {
            tally.alreadyHot += 1
          } else if known.contains(id) {
            tally.restored += 1
          } else {
            tally.unknown += 1
          }
        }
      } else {
        let outcomes = try await restorer.restore(ids, overwrites: overwrites)
        for id in ids {
          switch outcomes[id] {
          case .restored: tally.restored += 1
          case .alreadyHot, .changedMeanwhile: tally.alreadyHot += 1
          case nil: tally.unknown += 1
          }
        }
      }
      progress(tally)
      if let rate { try await clock.sleep(until: start.advanced(by: .seconds(tally.count) / rate)) }
    }
    return tally
  }

  /// The ids of the selected sessions, page by page.
  private struct Pages {
    private let selection: Selection
    private let ledger: any HotStateLedger
    private var last = ""
    private var done = 0

    init(_ selection: Selection, _ ledger: any HotStateLedger) {
      self.selection = selection
      self.ledger = ledger
    }

    /// Nil: there are no more.
    mutating func next() async throws -> [String]? {
      let ids: [String]
      switch selection {
      case .named(let names): ids = Array(names.dropFirst(done).prefix(RestoreRun.page))
      case .matching(let filter): ids = try await ledger.sessionIDs(filter, after: last, limit: RestoreRun.page)
      }
      guard let end = ids.last else { return nil }
      last = end
      done += ids.count
      return ids
    }
  }
}
