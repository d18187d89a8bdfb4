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

  /// The name of the function library, with which the names of its functions begin. Redis allows letters, digits and underscores in it.
  package var functions: String {
    String(decoding: prefix.utf8.map { Self.isAllowedInFunctions($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
  }

  private static func isAllowedInFunctions(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: byte == UInt8(ascii: "_")
    }
  }

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

  /// The keys of a session's hot state.
  package func session(_ id: String) -> SessionKeys { SessionKeys(partition: self, base: base, session: id) }
}

/// The names of the keys of one session's hot state. In a Cluster all of them are of the partition's slot.
package struct SessionKeys: Sendable, Hashable {
  package let partition: PartitionKeys
  private let base: String
  private let id: String

  fileprivate init(partition: PartitionKeys, base: String, session: String) {
    self.partition = partition
    self.base = base
    id = session
  }

  /// The hash of the session itself.
  package var session: String { "\(base):session:\(id)" }

  /// The keys that every function of the library declares, in its order.
  package var all: [String] {
    [partition.changes, partition.marks, session] + ["context", "messages", "tools", "ids"].map { "\(base):\($0):\(id)" }
  }
}
