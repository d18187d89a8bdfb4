/// Decides whose turn it is in the background jobs that take a portion of the owned lanes at a time. Every lane has its turn within a
/// bounded time, however many lanes come and go.
struct LaneTurns: Sendable {
  /// The lanes to compare with the ledger: all.
  private var comparing = LaneRotation()
  /// The lanes whose streams Tidemark trims.
  private var trimming = LaneRotation()

  mutating func acquired(_ lane: String, as profile: LaneProfile) {
    comparing.insert(lane)
    reconfigured(lane, as: profile)
  }

  mutating func reconfigured(_ lane: String, as profile: LaneProfile) {
    if profile.trimsStream {
      trimming.insert(lane)
    } else {
      trimming.remove(lane)
    }
  }

  mutating func released(_ lane: String) {
    comparing.remove(lane)
    trimming.remove(lane)
  }

  mutating func lanesToCompare(_ count: Int) -> [String] { comparing.take(count) }

  mutating func lanesToTrim(_ count: Int) -> [String] { trimming.take(count) }
}
