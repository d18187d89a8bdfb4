/// A route: which changes it takes, into which destination, and the source of each column.
///
/// The engine knows routes and no table. All routes that match apply, in one transaction, in the order of their destinations.
package struct Route: Sendable {
  /// The source of a column's value.
  package enum Source: Sendable, Equatable {
    /// A field of the change; NULL where the field is absent.
    case field(String)
    case fieldOr(String, default: String)
    case constant(String)
    case session
    case entryMilliseconds
    case entryNumber
    /// The number of the entry's lane. Ids are unique in their stream only, so it is a part of every position.
    case laneID
    /// The time at which the change happened.
    case time
    case seq
    case type
    /// The fields under the type's prefix, as a JSON object, without the prefix.
    case prefixed
    /// The fields that are neither in the envelope nor in the type, as a JSON object.
    case extras
    case null
  }

  /// The types of change that the route takes; nil for all types.
  package var types: [String]?
  /// A field that the change must have. `without` is one that it must not have.
  package var with: String?
  package var without: String?
  /// Whether the route takes only changes of the types that get a snapshot in their own transaction: see ``SnapshotPolicy/types``.
  package var isForSnapshots: Bool
  package var into: Destination
  /// The source of each column of the destination, in its order.
  package var sources: [Source]

  package init(
    _ types: [String]?, with: String? = nil, without: String? = nil, isForSnapshots: Bool = false, into: Destination,
    _ sources: [Source]
  ) {
    self.types = types
    self.with = with
    self.without = without
    self.isForSnapshots = isForSnapshots
    self.into = into
    self.sources = sources
  }
}
