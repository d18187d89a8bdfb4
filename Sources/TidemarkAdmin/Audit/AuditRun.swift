internal import Synchronization
package import TidemarkCore
package import TidemarkPostgres

/// An audit: compares what is stored with the seals, the newest seals with the heads that are kept elsewhere, and the counters with one another.
///
/// It changes nothing, so it may be ended and started again, and runs beside workers. Several connections compare a lane each.
package struct AuditRun: Sendable {
  /// The number of changes that one call compares, about.
  static let piece = 10_000

  /// A head of a chain that is kept outside of Postgres.
  package struct KeptHead: Sendable, Equatable {
    package var head: SealHead
    /// Where it is kept, such as `Redis` or a file's name.
    package var place: String

    package init(_ head: SealHead, in place: String) {
      self.head = head
      self.place = place
    }
  }

  /// What the connections share: the next lane, and how many changes they have compared.
  private final class Work: Sendable {
    private let state = Mutex((next: 0, compared: Int64(0)))

    /// Returns the index of a lane that nobody has taken; nil where none is left.
    func next(of count: Int) -> Int? {
      state.withLock { state in
        guard state.next < count else { return nil }
        state.next += 1
        return state.next - 1
      }
    }

    /// Adds compared changes, and returns how many there are.
    func compared(_ count: Int64) -> Int64 {
      state.withLock { state in
        state.compared += count
        return state.compared
      }
    }
  }

  private let stores: [AuditStore]

  /// - Parameter stores: one for each connection; at least one.
  package init(stores: [AuditStore]) { self.stores = stores }

  /// - Parameters:
  ///   - isIncluded: whether a lane is audited.
  ///   - time: only changes that were sealed since are compared, in a format that PostgreSQL reads; nil: all.
  ///   - kept: returns the heads of these lanes that are kept elsewhere.
  ///   - progress: is called after each piece with the number of changes that were compared, and how many there are.
  /// - Throws: ``SinkError``, what `kept` throws.
  package func run(
    of isIncluded: (String) -> Bool, since time: String? = nil, kept: ([String]) async throws -> [KeptHead],
    progress: @escaping @Sendable (Int64, Int64) -> Void
  ) async throws -> AuditReport {
    guard let store = stores.first else { return AuditReport() }
    var report = AuditReport()
    report.differences = try await store.changedObjects().map {
      AuditDifference(lane: nil, kind: .schema, detail: "\($0) is not what `tidemark migrate` made, so the audit can't be trusted")
    }
    report.differences += try await store.wrongErasures().map {
      AuditDifference(
        lane: nil, kind: .receipt,
        detail: "\($0.changes) changes are marked as erased by the erasure \($0.id), and its receipt says \($0.receipted)")
    }
    let lanes = try await store.lanes().filter { isIncluded($0.record.name) }
    let heads = try await kept(lanes.map(\.record.name))
    for record in lanes.map(\.record) where record.accountingError != 0 {
      report.differences.append(
        AuditDifference(lane: record.name, kind: .accounting, detail: "the lane's counters miss their sum by \(record.accountingError)"))
    }
    report.differences += try await differences(of: heads, lanes, store)
    let total = lanes.reduce(0) { $0 + $1.record.cursor.appliedNo }
    let work = Work()
    let results = try await compare(lanes, since: time, work) { progress(work.compared($0), total) }
    for (lane, piece) in zip(lanes, results) {
      report.lanes.append(
        AuditReport.Lane(
          name: lane.record.name, changes: lane.record.cursor.appliedNo, sealedNo: lane.sealedNo, erased: lane.erased,
          auditedNo: piece.throughNo, head: lane.head))
      if let difference = piece.difference { report.differences.append(difference) }
    }
    return report
  }

  /// Returns the last piece of each lane.
  private func compare(
    _ lanes: [AuditStore.Lane], since time: String?, _ work: Work, _ progress: @escaping @Sendable (Int64) -> Void
  ) async throws -> [AuditPiece] {
    try await withThrowingTaskGroup(of: [(Int, AuditPiece)].self) { group in
      for store in stores {
        group.addTask {
          var pieces: [(Int, AuditPiece)] = []
          while let index = work.next(of: lanes.count) {
            pieces.append((index, try await Self.compare(lanes[index], since: time, store, progress)))
          }
          return pieces
        }
      }
      let all = try await group.reduce(into: []) { $0 += $1 }
      return all.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private static func compare(
    _ lane: AuditStore.Lane, since time: String?, _ store: AuditStore, _ progress: @Sendable (Int64) -> Void
  ) async throws -> AuditPiece {
    var number: Int64 = 0
    if let time { number = try await store.sealed(before: time, lane: lane) }
    progress(number)
    while true {
      let piece = try await store.check(lane, after: number, most: Self.piece)
      progress(piece.throughNo - number)
      if piece.isComplete || piece.difference != nil { return piece }
      number = piece.throughNo
    }
  }

  private func differences(
    of heads: [KeptHead], _ lanes: [AuditStore.Lane], _ store: AuditStore
  ) async throws -> [AuditDifference] {
    let sealed = Dictionary(lanes.map { ($0.record.name, $0.sealedNo) }) { $1 }
    return try await zip(heads, store.contains(heads.map(\.head))).compactMap { kept, isContained in
      if isContained || kept.head.throughNo == 0 { return nil }
      let reason =
        switch sealed[kept.head.lane] {
        case nil: "PostgreSQL has no such lane"
        case let number? where number < kept.head.throughNo:
          "PostgreSQL has seals up to the change \(number) only: it was cut off, or replaced by an older copy"
        default: "PostgreSQL has another one there: the chain was computed anew"
        }
      return AuditDifference(
        lane: kept.head.lane, kind: .head, no: kept.head.throughNo,
        detail: "\(kept.place) holds the seal of the change \(kept.head.throughNo), and \(reason)")
    }
  }
}
