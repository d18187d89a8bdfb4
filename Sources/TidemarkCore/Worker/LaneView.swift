/// What a worker shows of an owned lane beside the lane's position.
package struct LaneView: Sendable {
  package struct LastError: Sendable {
    package var text: String
    package var hint: String?
    /// The time after which a halted lane is tried again; nil waits for an operator.
    package var backoff: Duration?

    package init(text: String, hint: String?, backoff: Duration? = nil) {
      self.text = text
      self.hint = hint
      self.backoff = backoff
    }
  }

  /// The lag as it was measured last.
  var lag: LaneLag?
  /// The waiting entries that were seen, for lanes whose ids say nothing about time.
  var backlog = BacklogAge()
  var error: LastError?
  /// The Unix milliseconds of this worker's last commit and checkpoint of the lane, for operators.
  var commit: Int64?
  var checkpoint: Int64?
  /// When the last sealed change was committed, in seconds since 1970.
  var sealedThrough: Double?
  var pressure: PressureGauge?
  /// Whether the lane's mirroring group was asked for. It is asked for at once only one time, because a user may lack the right to it.
  var isMirrorTried = false
  /// The groups that hold up trimming, and since when.
  var trimBlockers: [String: ContinuousClock.Instant] = [:]
  /// Through here the lane is verified; nil until the comparison has begun.
  var verified: EntryID?
}
