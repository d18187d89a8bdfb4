internal import TidemarkConfiguration
package import TidemarkCore

/// The output of `tune --suggest`: one change to try, or why there is none.
package struct TuneSuggestion: Sendable, Equatable, Codable {
  package var key: String?
  package var value: String?
  package var reason: String

  package init(_ advice: TuneAdvice) {
    reason = advice.reason
    switch advice.value {
    case .maxEntries(let entries): (key, value) = ("batch.max_entries", String(entries))
    case .maxDelay(let delay): (key, value) = ("batch.max_delay", "\(delay.milliseconds)ms")
    case nil: (key, value) = (nil, nil)
    }
  }

  /// The setting as `tune` takes it; nil for no change.
  package var pair: TuneOrder.Pair? { key.flatMap { key in value.map { TuneOrder.Pair(key: key, value: $0) } } }

  package func text() -> String { pair.map { "\($0.key)=\($0.value): \(reason)" } ?? "nothing to suggest: \(reason)" }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(key, forKey: .key)
    try container.encode(value, forKey: .value)
    try container.encode(reason, forKey: .reason)
  }

  package func json(pretty: Bool = false) throws -> String { try reportJSON(pretty: pretty) }
}

extension Tuner {
  /// The lanes whose transactions are measured: those with the most entries waiting.
  private static let measuredLanes = 64

  /// Suggests one change from recent transactions of the lanes with the most lag. Throws ``SinkError``.
  ///
  /// - Parameter report: the status, which knows what waits.
  package func suggestion(_ report: StatusReport) async throws -> TuneSuggestion {
    let batch = SettingsInForce(read(), rows: try await store.tuning()).loaded.configuration.batch
    let lanes = report.lanes.sorted { ($0.lagEntries ?? 0, $0.applied) > ($1.lagEntries ?? 0, $1.applied) }.prefix(Self.measuredLanes)
    var measure = try await store.recentBatches(of: lanes.map(\.lane), fullAt: batch.maxEntries)
    measure.waiting = report.lag().entries
    return TuneSuggestion(
      TuneAdvice(measure, limits: BatchLimits(maxEntries: batch.maxEntries, maxBytes: batch.maxBytes.bytes, maxDelay: batch.maxDelay)))
  }
}
