internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Reads a server's lanes as long as there is credit, looks whether their streams are still what was read, and waits out what Redis can't do at the
/// moment.
struct LaneReader: Sendable {
  /// How long one XREAD may wait. Short enough that a lane found meanwhile is not kept waiting.
  static let block = Duration.milliseconds(250)

  let server: LaneServer
  let source: any StreamReader
  let coordinator: LaneCoordinator
  let inspector: LaneInspector
  let publisher: MarkPublisher
  let metrics: EngineMetrics
  let logger: Logger

  func run() async {
    var backoff = Backoff()
    let failures = FailureLog<String>(failing: .redisUnreadable, recovered: .redisReadable, clock: coordinator.clock, logger: logger)
    // A user who may look at streams may not be able to read them: only a read says that they can be read again.
    var isReadFailing = false
    var connection = source.readConnection(to: server)
    while let task = await coordinator.nextRead(at: server, block: Self.block) {
      do {
        switch task {
        case .read(let request):
          let reply = try await read(request)
          // Behind a new connection may be another server, whose entries follow no cursor of ours before its streams were looked at.
          if source.readConnection(to: server) == connection {
            await take(reply, for: request)
          } else {
            await coordinator.perform { state, _ in state.readFailed(request) }
          }
        case .check(let lanes): try await check(lanes)
        }
        if case .read = task { isReadFailing = false }
        if !isReadFailing {
          failures.succeeded(server.metadata)
          backoff.succeeded()
          await coordinator.perform { $0.asked(server, failed: nil, now: $1.now) }
        }
        let now = source.readConnection(to: server)
        if now != connection {
          connection = now
          let republished = await coordinator.perform { state, _ in state.reconnected(to: server) }
          publisher.publish(republished.map { PendingMark(record: $0) })
        }
      } catch is CancellationError {
        return
      } catch {
        if case .read(let request) = task {
          isReadFailing = true
          await readFailed(request, error)
        }
        if case .check(let lanes) = task { await coordinator.perform { state, _ in state.checkFailed(lanes) } }
        await failed(error, &backoff, failures)
      }
    }
  }

  private func read(_ request: LaneReadRequest) async throws -> LaneReadReply {
    let start = coordinator.clock.now
    let reply = try await source.read(request)
    if case .entries = reply { metrics.phase(.read, start.duration(to: coordinator.clock.now)) }
    return reply
  }

  private func take(_ reply: LaneReadReply, for request: LaneReadRequest) async {
    switch reply {
    case .nothing: break
    case .entries(let block): await coordinator.perform { $0.received(block, for: request, now: $1.now) }
    case .overBudget: await coordinator.perform { state, _ in state.overran(request) }
    }
  }

  private func check(_ lanes: [ExpectedStream]) async throws {
    let inspection = try await inspector.observe(lanes, mayBeDeferred: true)
    for (lane, error) in inspection.refused { await refused(lane.lane, error) }
    let verdicts = await coordinator.perform { state, _ in
      state.deferred(inspection.deferred)
      return state.checked(inspection.comparisons)
    }
    for (comparison, verdict) in zip(inspection.comparisons, verdicts) {
      switch verdict {
      // A gap is told once it is recorded.
      case .sound, .gapCheck, .missing: break
      case .replacement(let replacement):
        logger.log(.laneReplaced, [.lane: "\(comparison.lane.lane)", .cause: "\(replacement.cause.rawValue)"])
      }
    }
  }

  /// Sets one lane aside for a while; the others go on.
  private func refused(_ lane: String, _ error: SourceError) async {
    let halt = LaneView.LastError.refused(error, backoff: await coordinator.settings.flow.haltBackoff)
    inspector.refusals.note(error, of: lane, .inspect)
    await coordinator.perform {
      $0.halt(lane, reason: halt.text, hint: halt.hint, for: halt.backoff, isOfReading: true, now: $1.now)
    }
  }

  private func readFailed(_ request: LaneReadRequest, _ error: any Error) async {
    guard (error as? SourceError)?.isClosedRead == true else {
      return await coordinator.perform { state, _ in state.readFailed(request) }
    }
    switch await coordinator.perform({ state, _ in state.closed(request) }) {
    case .unclear: break
    case .shrinking(let entries):
      logger.log(
        .redisReplyLimit,
        server.metadata.merging([
          .reason: "the server closes connections instead of answering: replies are probably above its client-output-buffer-limit",
          .entries: .number(entries), .hint: "\(Self.fix)",
        ]) { $1 })
    case .tooLarge(let lane, let after):
      let reason = "the entry after \(after) is larger than the server's client-output-buffer-limit: it closes the connection"
      await coordinator.perform { $0.halt(lane, reason: reason, hint: Self.fix, for: $0.settings.flow.haltBackoff, now: $1.now) }
    }
  }

  private static let fix =
    "raise it above limits.max_entry_bytes, as in CONFIG SET client-output-buffer-limit \"normal 256mb 128mb 60\", or set it to 0 0 0"

  private func failed(_ error: any Error, _ backoff: inout Backoff, _ failures: FailureLog<String>) async {
    let settings = await coordinator.settings
    if let error = error as? SourceError, case .laneRefused(let lane) = error.kind { return await refused(lane, error) }
    if (error as? SourceError)?.kind == .moved {
      logger.log(.redisMoved, server.metadata.merging([.reason: "\(error)"]) { $1 })
      return await coordinator.pause(for: settings.retry.base)
    }
    let isMisconfigured = (error as? SourceError).map { !$0.isRetryable } ?? false
    failures.failed("\(error)", isAtOtherLevel: isMisconfigured, server.metadata)
    metrics.retried(isMisconfigured ? "configuration" : "redis")
    await coordinator.perform { $0.asked(server, failed: "\(error)", isAway: !isMisconfigured, now: $1.now) }
    await coordinator.pause(for: backoff.next(settings.retry, random: coordinator.clock.random()))
  }
}

extension LaneServer {
  /// For lines of the log: nothing where there is only one.
  var metadata: LogMetadata { self == .only ? [:] : [.server: "\(name)"] }
}
