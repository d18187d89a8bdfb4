/// The limits of one transaction.
package struct BatchLimits: Sendable, Equatable {
  /// The most entries.
  package var maxEntries: Int
  /// The most bytes. A larger entry has a transaction of its own.
  package var maxBytes: Int
  /// The longest time for which an entry may wait for others to share its transaction.
  package var maxDelay: Duration

  package init(maxEntries: Int, maxBytes: Int, maxDelay: Duration) {
    self.maxEntries = maxEntries
    self.maxBytes = maxBytes
    self.maxDelay = maxDelay
  }
}

/// A limit of transactions that operators set for some lanes only.
package struct LaneLimit: Sendable, Equatable {
  package enum Value: Sendable, Equatable {
    case maxEntries(Int)
    case maxBytes(Int)
    case maxDelay(Duration)
  }

  /// The lanes by their names.
  package var lanes: GlobPattern
  package var value: Value

  package init(lanes: GlobPattern, value: Value) {
    self.lanes = lanes
    self.value = value
  }
}

extension FlowLimits {
  /// Returns the limits of a lane's transactions. Of several limits for one lane, the last one in ``laneLimits`` applies.
  package func batch(of lane: String) -> BatchLimits {
    var batch = BatchLimits(maxEntries: maxEntries, maxBytes: maxBytes, maxDelay: maxDelay)
    for limit in laneLimits where limit.lanes.matches(lane) {
      switch limit.value {
      case .maxEntries(let entries): batch.maxEntries = entries
      case .maxBytes(let bytes): batch.maxBytes = bytes
      case .maxDelay(let delay): batch.maxDelay = delay
      }
    }
    return batch
  }

  /// The most entries that a transaction of any lane may have. Reading must provide so many.
  var largestEntries: Int {
    laneLimits.reduce(maxEntries) { if case .maxEntries(let entries) = $1.value { max($0, entries) } else { $0 } }
  }

  /// The most bytes that a transaction of any lane may have.
  var largestBytes: Int {
    laneLimits.reduce(maxBytes) { if case .maxBytes(let bytes) = $1.value { max($0, bytes) } else { $0 } }
  }
}
