internal import TidemarkCore
internal import TidemarkRedis

/// Writes changes to Redis: a backlog at full speed, or a stream at a rate.
struct LoadWriter: Sendable {
  let redis: RedisKeyspace
  /// The names of the lanes by their numbers.
  let lanes: [String]
  let watch: MarkWatch

  /// The number of commands in one pipeline.
  private static let chunk = 1000

  /// Writes `count` changes and expects the durable mark of the last change of each lane. `progress` receives the share that is written.
  func writeBacklog(_ count: Int, of changes: inout BenchChanges, progress: @Sendable (Double) -> Void) async throws {
    var last: [Int: EntryID] = [:]
    var written = 0
    while written < count {
      try Task.checkCancellation()
      let sent = try await send(min(Self.chunk, count - written), of: &changes)
      for (lane, id) in sent { last[lane] = id }
      written += sent.count
      progress(Double(written) / Double(count))
    }
    let now = ContinuousClock.now
    for (lane, id) in last { watch.sent(lane: lane, id: id, intended: now) }
  }

  /// Writes at a rate for a while. Each change is expected to become durable, and its lag counts from its scheduled time. Returns the
  /// delays with which changes were sent.
  func writeSteadily(rate: Int, for duration: Duration, of changes: inout BenchChanges) async throws -> LagHistogram {
    let total = max(1, Int(Double(rate) * duration.seconds))
    let schedule = OpenLoop(rate: rate, start: .now + .milliseconds(1))
    var lateness = LagHistogram()
    var sent = 0
    while sent < total {
      let now = ContinuousClock.now
      let due = min(total, schedule.due(at: now), sent + Self.chunk)
      guard due > sent else {
        try await Task.sleep(until: schedule.intended(sent), tolerance: .zero, clock: .continuous)
        continue
      }
      for index in sent..<due { lateness.record(schedule.intended(index).duration(to: now)) }
      for (offset, entry) in try await send(due - sent, of: &changes).enumerated() {
        watch.sent(lane: entry.lane, id: entry.id, intended: schedule.intended(sent + offset))
      }
      sent = due
    }
    return lateness
  }

  private func send(_ count: Int, of changes: inout BenchChanges) async throws -> [(lane: Int, id: EntryID)] {
    var numbers: [Int] = []
    var commands: [(key: String, command: [RedisArgument])] = []
    for _ in 0..<count {
      let change = changes.next()
      numbers.append(change.lane)
      commands.append((lanes[change.lane], change.command))
    }
    let replies = try await redis.pipeline(commands)
    return try zip(numbers, replies).map { lane, reply in
      guard let id = try reply.orThrow().text.flatMap({ EntryID($0) }) else {
        throw RedisError(.malformedReply, "XADD answered something else than an id")
      }
      return (lane, id)
    }
  }
}
