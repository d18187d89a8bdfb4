/// The changes of which the doorbell notified.
package enum ChangedLanes: Sendable, Equatable {
  /// The keys with these names have changed; not all of them are lanes.
  case of([String])
  /// Any key may have changed, because listening began only now, or because more changed than was kept.
  case any
}
