/// Decides when which sessions are looked at for eviction.
///
/// The search goes over all sessions in Redis, page by page, and takes a small share of the server's time. It is a value without I/O; the caller
/// passes the time.
package struct EvictionPlan: Sendable {
  package enum Action: Sendable, Equatable {
    case wait(until: ContinuousClock.Instant)
    /// Look at the sessions after this place; then call ``searched(next:took:now:)`` or ``failed(now:)``.
    case search(after: HotPlace?)
  }

  /// A session is evicted this share of its idle time late, at most, and not more than a minute.
  private static let share = 4
  private static let interval = Duration.milliseconds(250)...Duration.seconds(60)

  private var place: HotPlace?
  private var due: ContinuousClock.Instant

  package init(now: ContinuousClock.Instant) {
    due = now
  }

  /// - Parameter idle: `hot.evict_idle_after`; zero: never.
  package func next(idle: Duration, now: ContinuousClock.Instant) -> Action {
    guard idle > .zero else { return .wait(until: now.advanced(by: Self.interval.upperBound)) }
    return now < due ? .wait(until: due) : .search(after: place)
  }

  /// Records a page. `next` is nil where it was the last one.
  package mutating func searched(next: HotPlace?, idle: Duration, took time: Duration, now: ContinuousClock.Instant) {
    place = next
    let pause = time * BackgroundPace.pauses
    due = now.advanced(by: next == nil ? max(pause, Self.wait(idle)) : min(pause, Self.interval.upperBound))
  }

  /// Records a failure: the search begins again later.
  package mutating func failed(idle: Duration, now: ContinuousClock.Instant) {
    place = nil
    due = now.advanced(by: Self.wait(idle))
  }

  private static func wait(_ idle: Duration) -> Duration { min(max(idle / share, interval.lowerBound), interval.upperBound) }
}
