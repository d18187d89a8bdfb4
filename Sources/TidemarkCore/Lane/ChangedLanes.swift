/// What the doorbell told.
package enum ChangedLanes: Sendable, Equatable {
  /// The keys of these names have changed; not all of them are lanes.
  case of([String])
  /// Any may have changed: listening began only now, or more rang than was kept.
  case any
}
