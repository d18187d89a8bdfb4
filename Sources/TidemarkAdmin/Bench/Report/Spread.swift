/// The lowest and the highest value of several rounds.
package struct Spread: Sendable, Equatable, Encodable {
  package var lowest: Double
  package var highest: Double

  /// Creates the spread; nil without a value.
  init?(_ values: [Double]) {
    guard let lowest = values.min(), let highest = values.max() else { return nil }
    self.lowest = lowest
    self.highest = highest
  }
}
