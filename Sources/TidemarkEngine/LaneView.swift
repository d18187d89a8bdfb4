internal import TidemarkCore

/// What is told of a lane beside where it stands, as long as it is ours.
struct LaneView {
  struct LastError {
    var text: String
    var hint: String?
    /// When the lane is tried again, where it is halted; nil waits for an operator.
    var backoff: Duration?
  }

  /// As measured last.
  var lag: LaneLag?
  /// What was seen to wait, for lanes whose ids tell no time.
  var backlog = BacklogAge()
  var error: LastError?
  /// The last ones here, in Unix milliseconds, for whoever watches.
  var commit: Int64?
  var checkpoint: Int64?
  var pressure: PressureGauge?
  /// Once: a user may lack the right to it.
  var isMirrorTried = false
  /// Since when which group has held up trimming.
  var trimBlockers: [String: ContinuousClock.Instant] = [:]
}
