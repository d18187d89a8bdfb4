internal import TidemarkCore

extension StatusReport.Lane {
  var totals: LaneRate.Totals { LaneRate.Totals(incarnation: incarnation, read: read, applied: applied) }

  mutating func set(_ rate: LaneRate?) {
    readPerSecond = rate?.read
    appliedPerSecond = rate?.applied
  }
}

extension StatusReport {
  /// The entries read per second, of all lanes whose rate is known; nil if no rate is known.
  var readPerSecond: Double? { Self.sum(lanes.map(\.readPerSecond)) }

  /// The entries applied per second, of all lanes whose rate is known; nil if no rate is known.
  var appliedPerSecond: Double? { Self.sum(lanes.map(\.appliedPerSecond)) }

  private static func sum(_ rates: [Double?]) -> Double? {
    let known = rates.compactMap(\.self)
    return known.isEmpty ? nil : (known.reduce(0, +) * 1000).rounded() / 1000
  }
}
