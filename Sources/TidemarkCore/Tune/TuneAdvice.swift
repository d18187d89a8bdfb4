/// What was measured of recent transactions, and what waits.
package struct BatchMeasure: Sendable, Equatable {
  package var transactions: Int
  /// The transactions that had at least as many entries as one may have.
  package var full: Int
  package var entries: Int
  /// The time from the first to the last of these transactions.
  package var seconds: Double
  /// The entries that are not committed; nil where that is not known.
  package var waiting: Int64?

  package init(transactions: Int, full: Int, entries: Int, seconds: Double, waiting: Int64?) {
    self.transactions = transactions
    self.full = full
    self.entries = entries
    self.seconds = seconds
    self.waiting = waiting
  }
}

/// Suggests one change of a batch limit from what was measured. It moves one thing at a time, by a factor of two at most, because only the
/// next measurement shows whether that helped.
package struct TuneAdvice: Sendable, Equatable {
  package enum Value: Sendable, Equatable {
    case maxEntries(Int)
    case maxDelay(Duration)
  }

  /// The value to try; nil for no change.
  package let value: Value?
  /// The numbers from which this follows, in one sentence.
  package let reason: String

  /// The transactions below which nothing can be said.
  static let fewest = 20
  /// Beyond this size larger transactions bring no more throughput: a commit's fixed cost is spread over enough entries.
  static let largest = 20_000
  /// Below this size smaller transactions bring nothing: they commit within milliseconds.
  static let smallest = 100
  /// The time that an entry may wait for others where transactions are tiny.
  static let delay = Duration.milliseconds(5)

  package init(_ measure: BatchMeasure, limits: BatchLimits) {
    let (count, mean) = (measure.transactions, Double(measure.entries) / Double(max(1, measure.transactions)))
    guard count >= Self.fewest, measure.seconds > 0 else {
      self = Self(nil, "there were \(count) transactions in the last ten minutes, too few to judge")
      return
    }
    guard let waiting = measure.waiting else {
      self = Self(nil, "it is not known how many entries wait, because Redis does not answer")
      return
    }
    let interval = measure.seconds / Double(count)
    let isFull = measure.full * 5 >= count * 4
    let full = "\(measure.full) of \(count) transactions had \(limits.maxEntries) entries, the most that one may have"
    if isFull, waiting > Int64(2 * limits.maxEntries) {
      guard limits.maxEntries < Self.largest else {
        self = Self(nil, "\(full), and \(waiting) entries wait; larger transactions would not help, look at PostgreSQL instead")
        return
      }
      self = Self(
        .maxEntries(min(2 * limits.maxEntries, Self.largest)),
        "\(full), and \(waiting) entries wait: larger transactions commit more entries per second")
    } else if isFull, interval > 1, limits.maxEntries >= 2 * Self.smallest {
      self = Self(
        .maxEntries(limits.maxEntries / 2),
        "\(full), one every \(Self.tenths(interval)) s, and only \(waiting) entries wait: smaller transactions commit earlier")
    } else if mean < 5, interval < 0.01, limits.maxDelay < Self.delay {
      self = Self(
        .maxDelay(Self.delay),
        "\(Self.tenths(1 / interval)) transactions a second had \(Self.tenths(mean)) entries each: with a short wait there are fewer")
    } else {
      self = Self(
        nil,
        "\(count) transactions had \(Self.tenths(mean)) entries each, \(measure.full) of them the most that one may have, and "
          + "\(waiting) entries wait: nothing here is limited by the size of transactions")
    }
  }

  private init(_ value: Value?, _ reason: String) {
    self.value = value
    self.reason = reason
  }

  private static func tenths(_ value: Double) -> String {
    let tenths = Int64((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}
