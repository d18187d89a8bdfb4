import Testing

@testable import TidemarkCore

@Suite struct PressureGaugeTests {
  private static let limits = PressureLimits(slow: .seconds(5), stop: .seconds(60), memory: 0.8)

  /// Returns the levels to which these measurements lead, one after another.
  private func levels(_ measured: [(lag: Double?, memory: Double?)]) -> [PressureLevel] {
    var gauge = PressureGauge()
    return measured.map {
      gauge.observe(lag: $0.lag, memory: $0.memory, limits: Self.limits)
      return gauge.level
    }
  }

  private func levels(lags: [Double]) -> [PressureLevel] { levels(lags.map { ($0, nil) }) }

  @Test func `a level is entered at its threshold and left at half of it`() {
    #expect(levels(lags: [0, 4.9, 5, 4, 2.5, 2.4, 4.9]) == [.ok, .ok, .slow, .slow, .slow, .ok, .ok])
    #expect(levels(lags: [59.9, 60, 31, 30, 29.9, 6, 2.4]) == [.slow, .stop, .stop, .stop, .slow, .slow, .ok])
    #expect(levels(lags: [100, 1]) == [.stop, .ok])
  }

  @Test func `memory raises the level to stop until it has fallen by five points`() {
    let measured: [(Double?, Double?)] = [(0, 0.79), (0, 0.8), (0, 0.76), (0, 0.74), (0, 0.79)]
    #expect(levels(measured) == [.ok, .stop, .stop, .ok, .ok])
  }

  @Test func `an unknown value changes nothing`() {
    #expect(levels([(100, nil), (nil, nil), (nil, 0.1), (0, nil)]) == [.stop, .stop, .stop, .ok])
    #expect(levels([(nil, nil), (nil, 0.9)]) == [.ok, .stop])
  }
}
