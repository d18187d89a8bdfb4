internal import Foundation

/// Maps values to positions on an axis and chooses the ticks.
struct ChartScale {
  var ticks: [Double]
  private let isLogarithmic: Bool
  private let values: ClosedRange<Double>
  private let pixels: (from: Double, to: Double)

  /// Returns a scale from 0 to a round number at or above the largest value, with about five ticks.
  static func linear(upTo largest: Double, from: Double, to: Double) -> ChartScale {
    let rough = max(largest, 1) / 5
    let magnitude = pow(10, floor(log10(rough)))
    let step = ([1, 2, 2.5, 5, 10].first { $0 * magnitude >= rough } ?? 10) * magnitude
    let count = Int((max(largest, 1) / step).rounded(.up))
    return ChartScale(
      ticks: (0...count).map { Double($0) * step }, isLogarithmic: false, values: 0...(Double(count) * step), pixels: (from, to))
  }

  /// Returns a scale around positive values, with ticks at 1, 2 and 5 of each power of ten.
  static func logarithmic(_ around: [Double], from: Double, to: Double) -> ChartScale {
    let (low, high) = (max(around.min() ?? 1, 1e-6), max(around.max() ?? 1, 1e-6))
    let powers = Int(floor(log10(low))) - 1...Int(floor(log10(high))) + 1
    let steps = powers.flatMap { power in [1, 2, 5].map { $0 * pow(10, Double(power)) } }
    let bottom = steps.last { $0 <= low * 1.0001 } ?? low
    let top = steps.first { $0 >= high * 0.9999 && $0 > bottom } ?? high
    return ChartScale(
      ticks: steps.filter { $0 >= bottom && $0 <= top }, isLogarithmic: true, values: bottom...top, pixels: (from, to))
  }

  /// Returns a scale with exactly these positive values as ticks, and some space on both sides.
  static func logarithmic(at values: [Double], from: Double, to: Double) -> ChartScale {
    let (low, high) = (values.min() ?? 1, values.max() ?? 1)
    let room = max(pow(high / low, 0.04), 1.1)
    return ChartScale(ticks: values, isLogarithmic: true, values: (low / room)...(high * room), pixels: (from, to))
  }

  func position(of value: Double) -> Double {
    let place =
      isLogarithmic
      ? log(max(value, values.lowerBound) / values.lowerBound) / log(values.upperBound / values.lowerBound)
      : (value - values.lowerBound) / (values.upperBound - values.lowerBound)
    return pixels.from + place * (pixels.to - pixels.from)
  }
}
