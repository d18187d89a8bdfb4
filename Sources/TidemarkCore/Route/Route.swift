/// Where a change goes: which changes, into what, and what each column is made of.
///
/// The engine knows routes and no table. All routes that match apply, in one transaction, in the order of their destinations.
package struct Route: Sendable {
  /// What a column's value is made of.
  package enum Source: Sendable, Equatable {
    /// A field of the change; absent is NULL.
    case field(String)
    case fieldOr(String, default: String)
    case constant(String)
    case session
    case entryMilliseconds
    case entryNumber
    /// The number of the entry's lane: ids are unique in their stream only, so it is a part of every position.
    case laneID
    /// When it happened.
    case time
    case seq
    case type
    /// The fields under the type's prefix, as a JSON object without the prefix.
    case prefixed
    /// The fields that nobody knows, as a JSON object.
    case extras
    case null
  }

  /// Types of change; nil is every one.
  package var types: [String]?
  /// The change has this field, or lacks it.
  package var with: String?
  package var without: String?
  package var into: Destination
  /// One for each column of the destination, in its order.
  package var sources: [Source]

  package init(_ types: [String]?, with: String? = nil, without: String? = nil, into: Destination, _ sources: [Source]) {
    self.types = types
    self.with = with
    self.without = without
    self.into = into
    self.sources = sources
  }
}
