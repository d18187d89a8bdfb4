package import TidemarkCore

/// Tests without an effect whether the user may run each of a worker's commands on the keys and channels that the worker uses.
///
/// Commands run in a script that the server keeps from writing. The server checks the user's rights first, so the error shows whether they
/// are granted. `ACL DRYRUN` would show this too, but only administrators may run it.
package struct RedisRightsProbe: Sendable {
  /// A right that the user lacks.
  package struct Refusal: Sendable, Hashable {
    package enum Kind: Sendable, Hashable { case command, key, channel }
    package var kind: Kind
    package var right: RedisRight
    /// The key or the channel; empty for a command that names none.
    package var name: String
  }

  private let configuration: RedisConfiguration
  private let lanes: LaneCatalog

  /// - Parameter lanes: the lanes on whose keys the commands are tried. Patterns are tried as they are: a rule that allows a pattern's text
  ///   also allows its matches.
  package init(_ configuration: RedisConfiguration, lanes: LaneCatalog) {
    self.configuration = configuration
    self.lanes = lanes
  }

  /// Returns the refused rights. Throws ``RedisError`` if a server can't be asked.
  ///
  /// - Parameter keyspace: the connections of the user. Only the rights to subscribe are tried over separate connections.
  package func refusals(of rights: [RedisRight], in keyspace: RedisKeyspace) async throws -> [Refusal] {
    var found = try await refusals(of: trials(of: rights.filter { $0.trial == .direct }).map { [$0] }, in: keyspace) { trials in
      trials[0].right.arguments(trials[0].name)
    } answers: {
      [$0]
    }
    let scripted = Dictionary(grouping: trials(of: rights.filter { $0.trial == .script }), by: \.route)
    found += try await refusals(of: scripted.sorted { $0.key < $1.key }.map(\.value), in: keyspace) { trials in
      ["EVAL", .text(Self.script), "0"]
        + trials.flatMap { trial in
          let words = trial.right.arguments(trial.name)
          return [.integer(Int64(words.count))] + words
        }
    } answers: {
      $0.elements ?? []
    }
    for right in rights where right.trial == .subscription { found += try await subscribing(right) }
    return found
  }

  /// A command on one key. Trials of one slot have one route.
  private struct Trial {
    var right: RedisRight
    var name: String
    var route: String
  }

  /// The script. ARGV has the number of words and the words of each command. It returns the error of each command, or ''.
  private static let script = """
    #!lua flags=no-writes,allow-oom
    local errors, i = {}, 1
    while i <= #ARGV do
      local count = tonumber(ARGV[i])
      local reply = redis.pcall(unpack(ARGV, i + 1, i + count))
      errors[#errors + 1] = type(reply) == 'table' and reply.err or ''
      i = i + count + 1
    end
    return errors
    """

  private func refusals(
    of trials: [[Trial]], in keyspace: RedisKeyspace, _ command: ([Trial]) -> [RedisArgument], answers: (RedisReply) -> [RedisReply]
  ) async throws -> [Refusal] {
    let replies = try await keyspace.pipeline(trials.map { ($0[0].route, command($0)) })
    return zip(trials, replies).flatMap { trials, reply in
      zip(trials, answers(reply)).compactMap { trial, answer in
        Self.refusal(answer).map { Refusal(kind: $0, right: trial.right, name: trial.name) }
      }
    }
  }

  /// Tries subscriptions over separate connections, which can do nothing else afterwards: one connection, or one to every master of a
  /// Cluster.
  private func subscribing(_ right: RedisRight) async throws -> [Refusal] {
    let channel = String(right.words.split(separator: " ")[1])
    let keyspace = RedisKeyspace(configuration, name: "tidemark-check")
    defer { Task { await keyspace.close() } }
    var refusals: Set<Refusal> = []
    for connection in try await keyspace.connections() {
      do {
        try await connection.subscribe(to: [channel]) { _ in }
      } catch let error as RedisError where error.code == .server {
        if let kind = Self.refusal(.error(error.message)) { refusals.insert(Refusal(kind: kind, right: right, name: channel)) }
      }
    }
    return Array(refusals)
  }

  /// Returns the right that an error of the server shows as missing; nil for every other reply. The error in a script has other words than
  /// outside.
  private static func refusal(_ reply: RedisReply) -> Refusal.Kind? {
    let message: String
    switch reply {
    case .error(let text): message = text
    default: message = reply.text ?? ""
    }
    guard ServerErrorClass(message) == .refused else { return nil }
    if message.contains("channel") { return .channel }
    return message.contains(" key") ? .key : .command
  }

  private func trials(of rights: [RedisRight]) -> [Trial] {
    let (claim, shared) = (lanes.keys.config, lanes.keys.sharedMarks)
    let names = lanes.namesAndPatterns
    let partitions = names.compactMap { lanes.markPlace(of: $0).keys }
    return rights.flatMap { right -> [Trial] in
      switch right.place {
      case .nothing: return [Trial(right: right, name: "", route: claim)]
      case .lane: return names.map { Trial(right: right, name: $0, route: $0) }
      case .marks: return partitions.map { Trial(right: right, name: $0.marks, route: $0.changes) }
      case .rejected: return partitions.map { Trial(right: right, name: $0.rejected, route: $0.changes) }
      case .session: return partitions.map { Trial(right: right, name: $0.session("tidemark-check").session, route: $0.changes) }
      case .requests: return partitions.map { Trial(right: right, name: $0.requests, route: $0.changes) }
      case .channel: return partitions.map { Trial(right: right, name: $0.durableChannel, route: $0.changes) }
      case .sharedMarks: return [Trial(right: right, name: shared, route: shared)]
      case .claim: return [Trial(right: right, name: claim, route: claim)]
      }
    }
  }
}
