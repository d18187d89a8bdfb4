/// A mark that waits to be published, with the lane as it was committed then.
package struct PendingMark: Sendable {
  package var record: LaneRecord
  /// The dead letters that agents are notified of.
  package var rejected: [DurableMark.Rejection] = []
  /// The time before which the mark is not considered again.
  package var heldUntil: ContinuousClock.Instant?
  /// Whether the lane's stream does not exist, so that the mark is removed.
  package var isGone = false

  package init(
    record: LaneRecord, rejected: [DurableMark.Rejection] = [], heldUntil: ContinuousClock.Instant? = nil, isGone: Bool = false
  ) {
    self.record = record
    self.rejected = rejected
    self.heldUntil = heldUntil
    self.isGone = isGone
  }

  /// Returns what is sent to Redis.
  ///
  /// - Parameter isSurveyed: whether the lane was compared with its stream for this publication.
  package func mark(isSurveyed: Bool) -> DurableMark {
    DurableMark(
      lane: record.name, durable: record.cursor.position, incarnation: record.incarnation, rejected: rejected,
      installation: record.installation, isGone: isGone, isSurveyed: isSurveyed)
  }

  package func held(until: ContinuousClock.Instant) -> PendingMark {
    var mark = self
    mark.heldUntil = until
    return mark
  }

  /// Returns both marks of one lane as one: the position that is further on, and the rejections of both. A transaction of a lane that was
  /// released and acquired again may queue its mark before the one that the lane was acquired with.
  package func followed(by later: PendingMark) -> PendingMark {
    let isOlder = (later.record.incarnation, later.record.cursor.position) < (record.incarnation, record.cursor.position)
    let isHeld = later.record.incarnation <= record.incarnation
    return PendingMark(
      record: isOlder ? record : later.record, rejected: rejected + later.rejected, heldUntil: isHeld ? heldUntil ?? later.heldUntil : nil,
      isGone: isOlder ? isGone : later.isGone)
  }
}
