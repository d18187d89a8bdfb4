/// The rule by which workers take snapshots of sessions without a request.
package struct SnapshotPolicy: Sendable, Equatable {
  /// The number of changes of a session after which it gets a snapshot.
  package var everyChanges: Int
  /// The time after which a session that has changed gets a snapshot.
  package var every: Duration
  /// The types of changes that get a snapshot in their own transaction.
  package private(set) var types: Set<String>

  package init(everyChanges: Int = 200, every: Duration = .seconds(300), types: [String] = []) {
    self.everyChanges = everyChanges
    self.every = every
    // A requested snapshot is taken in any case, and an entry has one only.
    self.types = Set(types).subtracting([Self.request])
  }

  /// The type of change that requests a snapshot.
  package static let request = "snapshot.requested"

  /// All types of changes that have snapshots of their own.
  package var allTypes: [String] { types.union([Self.request]).sorted() }
}
