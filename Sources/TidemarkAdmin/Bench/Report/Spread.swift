/// The lowest and the highest of several rounds.
package struct Spread: Sendable, Equatable, Encodable {
  package var lowest: Double
  package var highest: Double

  /// Nil without a value.
  init?(_ values: [Double]) {
    guard let lowest = values.min(), let highest = values.max() else { return nil }
    self.lowest = lowest
    self.highest = highest
  }
}
