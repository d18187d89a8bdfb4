import ArgumentParser
import TidemarkAdmin
import TidemarkCore
import TidemarkPostgres

/// Selects the dead letters that a command acts on when no numbers are given.
struct DeadLetterFilter: ParsableArguments {
  @Option(name: .long, help: "Only dead letters of this lane.") var lane: String?
  @Option(name: .long, help: "Only dead letters with this reason.") var reason: String?

  var isEmpty: Bool { lane == nil && reason == nil }

  func validate() throws {
    guard let reason, RejectionReason(rawValue: reason) == nil else { return }
    let known = RejectionReason.allCases.map(\.rawValue)
    let hint = NearestName.of(reason, in: known).map { "did you mean \($0)?" } ?? "the reasons are \(known.joined(separator: ", "))"
    throw ValidationError("--reason: there is no reason \(ForeignText.line(reason)); \(hint)")
  }

  /// Returns the filter once the ledger has confirmed that its lane exists.
  func checked(in store: DeadLetterStore, includesResolved: Bool = false, limit: Int = 1_000) async throws -> DeadLetterStore.Filter {
    if let lane, try await !store.isKnown(lane: lane) {
      throw CommandFailure.found("dead-letters: there is no lane \(ForeignText.line(lane)); `tidemark status` lists the lanes")
    }
    return DeadLetterStore.Filter(lane: lane, reason: reason, includesResolved: includesResolved, limit: limit)
  }
}
