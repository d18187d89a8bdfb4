/// The state of a lane, as `status` names it.
package enum LaneState: String, Sendable, CaseIterable {
  case idle
  case reading
  case waitingPostgres = "waiting_postgres"
  case waitingRedis = "waiting_redis"
  case paused
  case halted
  case unowned
}
