internal import TidemarkCore
internal import TidemarkRedis

/// One session: writes its changes, reads its state, waits until changes are durable.
///
/// A value that may be used from any task. Writers that must not overtake each other pass `expecting`.
public struct Session: Sendable {
  public let id: String
  let client: TidemarkClient

  init(id: String, client: TidemarkClient) {
    self.id = id
    self.client = client
  }

  /// Writes one change: updates the state in Redis, numbers it and appends it to the lane, in one atomic step.
  ///
  /// A change without `event_id` gets one, so that it is written once even where the connection is lost and the call is repeated. To repeat it by
  /// yourself after an error, give it one with ``Change/identified(by:)``. A session that is not in Redis is restored first.
  ///
  /// - Parameter expecting: the number of the session's last change; nil writes whatever it is.
  /// - Throws: ``ClientError``.
  @discardableResult
  public func append(_ change: Change, expecting: Int64? = nil) async throws -> Receipt {
    try await append([change], expecting: expecting)[0]
  }

  /// Writes several changes in one atomic step, all or none: an agent's turn.
  ///
  /// - Throws: ``ClientError``.
  @discardableResult
  public func append(_ changes: [Change], expecting: Int64? = nil) async throws -> [Receipt] {
    guard !changes.isEmpty else { return [] }
    for change in changes { try ChangeCheck.check(change, session: id) }
    let identified = changes.map { change in
      var change = change
      if change.eventID == nil { change.fields.append((name: "event_id", value: EventIdentifier.make())) }
      return change
    }
    let keys = try await client.keys(of: id)
    let command = AppendCall.command(
      identified.map { SessionChange(type: $0.type, fields: $0.fields.flatMap { [$0.name, $0.value] }) }, session: id,
      expecting: expecting, keys, functions: client.keys.functions)
    let reply = try await repeated {
      try await hot(keys) { try await client.send(keys.session, command) }
    }
    let receipts = (reply.elements ?? []).compactMap { Receipt($0) }
    guard receipts.count == changes.count else { throw ClientError(.unavailable, "the reply to append_all is not understood") }
    return receipts
  }

  /// Reads the state. A session that is not in Redis is restored by a worker first; so is one that began anew while Postgres knows more of it. Where
  /// no worker does that in time, the state of the latter is returned with ``SessionState/isFresh``.
  ///
  /// - Parameter messages: the number of messages; nil for all that Redis keeps.
  /// - Throws: ``ClientError``.
  public func load(messages: Int? = nil) async throws -> SessionState {
    let keys = try await client.keys(of: id)
    let arguments: [RedisArgument] = [.text(id)] + (messages.map { [.integer(Int64($0))] } ?? [])
    func read() async throws -> SessionState { try SessionState(try await client.call("load", isReading: true, keys, arguments)) }
    let state = try await hot(keys) { try await read() }
    guard state.isFresh else { return state }
    do {
      return try await waitForWorker(asking: { try await requestRestore(keys) }) {
        let state = try await read()
        return state.isFresh ? nil : state
      }
    } catch let error as ClientError where error.code == .notRestored {
      return try await read()
    }
  }

  /// Returns once a change is durable in Postgres, and never before.
  ///
  /// - Throws: ``ClientError``: `notInTime`, `lost`, `deadLetter`.
  public func barrier(_ receipt: Receipt, timeout: Duration = .seconds(10)) async throws {
    let keys = try await client.keys(of: id)
    try await client.marks.wait(keys.partition.durableChannel, timeout: timeout) {
      let answer: Int64?
      do {
        answer = try await client.call("durable", isReading: true, keys, [.text(id), .text(receipt.entry)]).number
      } catch let error as ClientError where error.code == .unavailable {
        // Redis may be back before the deadline.
        return false
      }
      switch answer {
      case 1: return true
      case -1: throw ClientError(.lost, "the entry \(receipt.entry) is not in Redis: it was lost, or is durable and trimmed")
      case -2:
        let reason = try? await client.send(
          keys.partition.rejected, ["HGET", .text(keys.partition.rejected), .text(receipt.entry)]
        ).text
        throw ClientError(.deadLetter(reason: reason ?? "unknown"), "the entry \(receipt.entry) is a dead letter")
      default: return false
      }
    }
  }

  /// Repeats a call whose connection was lost, for ``TidemarkClient/retryTimeout``: event ids make sure that it takes effect once.
  private func repeated<T>(_ call: () async throws -> T) async throws -> T {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: client.retryTimeout)
    var pause = Duration.milliseconds(20)
    while true {
      do {
        return try await call()
      } catch let error as ClientError where error.code == .unavailable && clock.now < deadline {
        try await clock.sleep(for: pause)
        pause = min(pause * 2, .seconds(1))
      }
    }
  }

  /// Repeats a call for a session that is not in Redis, once a worker has restored it.
  private func hot<T>(_ keys: SessionKeys, _ call: () async throws -> T) async throws -> T {
    do {
      return try await call()
    } catch let error as ClientError where error.code == .notRestored {
      return try await waitForWorker(asking: { try await requestRestore(keys) }) {
        do { return try await call() } catch let error as ClientError where error.code == .notRestored { return nil }
      }
    }
  }

  private func requestRestore(_ keys: SessionKeys) async throws {
    try await ask(keys, ["op", "restore", "session", .text(id)])
  }

  func ask(_ keys: SessionKeys, _ request: [RedisArgument]) async throws {
    let stream = keys.partition.requests
    _ = try await client.send(stream, ["XADD", .text(stream), "*"] + request)
  }

  /// Asks a worker for something, again every few seconds, because Redis may lose the request, and looks until it is done: nothing announces it.
  func waitForWorker<T>(asking request: () async throws -> Void, _ attempt: () async throws -> T?) async throws -> T {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: client.restoreTimeout)
    var (pause, next) = (Duration.milliseconds(5), clock.now)
    while true {
      if clock.now >= next {
        try await request()
        next = clock.now.advanced(by: .seconds(5))
      }
      if let result = try await attempt() { return result }
      guard clock.now < deadline else {
        throw ClientError(
          .notRestored, "no worker did what was asked within \(client.restoreTimeout); is one running for the session's lane?")
      }
      try await clock.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(250))
    }
  }
}

extension Receipt {
  init?(_ reply: RedisReply) {
    guard let parts = reply.elements, parts.count == 3, let seq = parts[0].number, let epoch = parts[1].number, let entry = parts[2].text
    else { return nil }
    self.init(seq: seq, epoch: epoch, entry: entry)
  }
}

extension SessionState {
  init(_ reply: RedisReply) throws(ClientError) {
    guard let parts = reply.elements, parts.count == 4 else {
      throw ClientError(.unavailable, "the reply to load is not understood")
    }
    func texts(_ part: Int) -> [String] { (parts[part].elements ?? []).map { $0.text ?? "" } }
    func pairs(_ part: Int) -> [String: String] {
      Dictionary(texts(part).alternatingPairs.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }
    self.init(session: pairs(0), context: pairs(1), calls: pairs(2), messages: texts(3))
  }
}
