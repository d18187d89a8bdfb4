/// Where a change stands in its session and in its lane.
public struct Receipt: Sendable, Hashable {
  /// The number of the change in its session, gapless from 1 within the epoch; 0 for an ephemeral change.
  public var seq: Int64
  /// The millisecond at which the numbering began.
  public var epoch: Int64
  /// The id of the entry in the lane, such as `1795389463124-98`.
  public var entry: String
}
