internal import TidemarkCore

/// A mark that waits to be told, with the lane as it was committed then.
struct PendingMark: Sendable {
  var record: LaneRecord
  /// Dead letters that agents are told of.
  var rejected: [DurableMark.Rejection] = []
  /// It is not looked at again before.
  var heldUntil: ContinuousClock.Instant?
  /// The lane's stream does not exist: agents are told nothing of it any more.
  var isGone = false

  var mark: DurableMark {
    DurableMark(
      lane: record.name, durable: record.cursor.position, incarnation: record.incarnation, rejected: rejected,
      installation: record.installation, isGone: isGone)
  }

  func held(until: ContinuousClock.Instant) -> PendingMark {
    var mark = self
    mark.heldUntil = until
    return mark
  }

  /// Both marks of one lane as one: the place that is further on, both ones' rejections. A transaction of a lane that was given up and
  /// taken again may tell its mark before the one that the lane was taken with.
  func followed(by later: PendingMark) -> PendingMark {
    let isOlder = (later.record.incarnation, later.record.cursor.position) < (record.incarnation, record.cursor.position)
    let isHeld = later.record.incarnation <= record.incarnation
    return PendingMark(
      record: isOlder ? record : later.record, rejected: rejected + later.rejected, heldUntil: isHeld ? heldUntil ?? later.heldUntil : nil,
      isGone: isOlder ? isGone : later.isGone)
  }
}
