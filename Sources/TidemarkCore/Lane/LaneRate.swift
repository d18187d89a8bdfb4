/// The number of entries of a lane that are read and applied a second, on average between two moments.
package struct LaneRate: Sendable, Equatable {
  /// The totals of a lane in one incarnation; each incarnation counts from 0.
  package struct Totals: Sendable, Equatable {
    package var incarnation: Int64
    package var read: Int
    package var applied: Int

    package init(incarnation: Int64, read: Int, applied: Int) {
      self.incarnation = incarnation
      self.read = read
      self.applied = applied
    }
  }

  package static let zero = LaneRate(read: 0, applied: 0)

  package var read: Double
  package var applied: Double

  /// Returns the rate between two moments, to a thousandth. Returns nil where no time has passed, or where the counts began anew in
  /// between.
  package static func between(_ earlier: Totals, _ later: Totals, seconds: Double) -> LaneRate? {
    guard seconds > 0, earlier.incarnation == later.incarnation, earlier.read <= later.read, earlier.applied <= later.applied else {
      return nil
    }
    func rate(_ count: Int) -> Double { (Double(count) / seconds * 1000).rounded() / 1000 }
    return LaneRate(read: rate(later.read - earlier.read), applied: rate(later.applied - earlier.applied))
  }

  /// Returns the rate since a checkpoint of the lane, or nil where there is none to compare with.
  ///
  /// A lane without an owner does not progress, whatever was committed between its last checkpoint and the end of its last owner.
  ///
  /// - Parameters:
  ///   - checkpoint: the lane's totals at the checkpoint; nil where it has none.
  ///   - age: the seconds since the checkpoint.
  package static func since(_ checkpoint: Totals?, age: Double?, now: Totals, isOwned: Bool) -> LaneRate? {
    guard isOwned, now.read > 0 else { return .zero }
    guard let checkpoint, let age else { return nil }
    return between(checkpoint, now, seconds: age)
  }
}
