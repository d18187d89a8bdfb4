/// The names of an installation's keys and channels in Redis. They are formed only here.
package struct KeyNames: Sendable, Hashable {
  package let prefix: String

  package init(prefix: String) {
    self.prefix = prefix
  }

  /// The hash of the claim: which installation the prefix belongs to.
  package var config: String { "\(prefix):config" }

  /// The hash of the durable marks of all lanes that have no hash of their own.
  package var sharedMarks: String { "\(prefix):durable" }

  /// The keys of a partition.
  package func partition(_ number: Int) -> PartitionKeys { PartitionKeys(base: "\(prefix):{\(number)}") }
}

/// The names of one partition's keys and of its channel. In a Cluster all of them are of one slot.
package struct PartitionKeys: Sendable, Hashable {
  private let base: String

  fileprivate init(base: String) {
    self.base = base
  }

  /// The stream of the changes: the partition's lane.
  package var changes: String { "\(base):changes" }

  /// The stream on which agents ask workers for something.
  package var requests: String { "\(base):requests" }

  /// The hash that tells agents of the lane.
  package var marks: String { "\(base):lane" }

  /// The hash of the lane's rejected entries, from the id to the reason.
  package var rejected: String { "\(base):rejected" }

  /// The channel on which each advance of the durable mark is published.
  package var durableChannel: String { "\(base):durable" }
}
