package import TidemarkCore

/// The prefix of an installation in a Redis: the installation that owns it, and the way to claim it. Errors are ``RedisError``.
///
/// The hash `PREFIX:config` names the owner. Its id is also beside the marks of each lane, where every operation that publishes, trims or
/// moves a group compares it in the same step.
package struct RedisPrefix: Sendable {
  /// The field of `PREFIX:config` and `PREFIX:{N}:lane` with the installation's id.
  static let installationField = "installation"
  /// The field of `PREFIX:durable` with the installation's id; the other fields of that hash are named after lanes.
  static let sharedInstallationField = "installation:"

  private let keyspace: RedisKeyspace
  private let keys: KeyNames

  package init(_ name: String, in keyspace: RedisKeyspace) {
    keys = KeyNames(prefix: name)
    self.keyspace = keyspace
  }

  private var config: String { keys.config }

  /// Returns the hashes of the marks, of the partitions and of all other lanes, with the field for the id.
  private func markHashes(_ partitions: Int) -> [(hash: String, field: String)] {
    (0..<partitions).map { (keys.partition($0).marks, Self.installationField) } + [(keys.sharedMarks, Self.sharedInstallationField)]
  }

  /// Returns the owner of the prefix. If the hash is gone, an id beside the marks names the last owner.
  ///
  /// - Parameter partitions: the number of lanes whose marks are checked.
  package func claim(partitions: Int) async throws -> PrefixClaim {
    let fields = [Self.installationField, "claim", "schema", "partitions"]
    let reply = try await keyspace.pipeline([(config, ["HMGET", .text(config)] + fields.map { .text($0) })])[0].orThrow()
    guard let values = reply.elements, values.count == fields.count else {
      throw RedisError(.malformedReply, "the reply to HMGET does not have \(fields.count) values")
    }
    var claim = PrefixClaim(
      installation: values[0].text.map { InstallationID($0) }, claim: values[1].text, schema: values[2].text,
      partitions: values[3].number.map { Int($0) })
    if claim.installation == nil {
      let hashes = markHashes(partitions)
      let replies = try await keyspace.pipeline(hashes.map { ($0.hash, ["HGET", .text($0.hash), .text($0.field)]) })
      claim.installation = replies.lazy.compactMap(\.text).first.map { InstallationID($0) }
    }
    return claim
  }

  /// Returns the name of the connection over which a worker compares the claim; it survives a flush. A connection name may not contain all
  /// characters of a prefix, so the name has the prefix's hash.
  package static func connectionName(ofWorkersOf prefix: String) -> String { "tidemark-claim-\(CRC16.xmodem(prefix.utf8))" }

  /// Returns the number of workers, of any installation, that compare the claim of this prefix; nil if the server does not report it.
  package func workers() async throws -> Int? {
    let reply = try await keyspace.pipeline([(config, ["CLIENT", "LIST", "TYPE", "normal"])])[0]
    let name = " name=\(Self.connectionName(ofWorkersOf: keys.prefix)) "
    return reply.text.map { $0.split(whereSeparator: \.isNewline).count { $0.contains(name) } }
  }

  /// Writes a claim if the claim in Redis is still `expected`; returns whether it was. Ids beside marks are replaced if they are another
  /// installation's.
  package func write(_ claim: PrefixClaim, over expected: PrefixClaim) async throws -> Bool {
    guard let installation = claim.installation else { return false }
    let partitions = max(claim.partitions ?? 0, expected.partitions ?? 0)
    let isTakenOver = expected.installation != installation
    // Relabelling before the claim stops all publishing and trimming by another installation. Relabelling after the claim repeats this,
    // because the other installation takes its marks back until it learns of the claim.
    if isTakenOver { try await relabel(installation, partitions) }
    guard try await write(claim, installation, over: expected) else { return false }
    if isTakenOver { try await relabel(installation, partitions) }
    return true
  }

  /// Writes the id of the installation that holds the prefix beside all marks that have another id.
  ///
  /// - Parameter partitions: the number of lanes whose marks are checked.
  package func relabel(_ installation: InstallationID, _ partitions: Int) async throws {
    let commands = markHashes(partitions).map { hash, field -> (key: String, command: [RedisArgument]) in
      (hash, ["EVAL", .text(Self.replaceScript), "1", .text(hash), .text(field), .text(installation.text)])
    }
    for reply in try await keyspace.pipeline(commands) { _ = try reply.orThrow() }
  }

  private func write(_ claim: PrefixClaim, _ installation: InstallationID, over expected: PrefixClaim) async throws -> Bool {
    let values = [
      installation.text, claim.claim ?? "", claim.schema ?? "", "\(claim.partitions ?? 0)", expected.claim ?? "",
    ]
    let call: [RedisArgument] = ["EVAL", .text(Self.claimScript), "1", .text(config)] + values.map { .text($0) }
    return try await keyspace.pipeline([(config, call)])[0].orThrow().number == 1
  }

  /// KEYS: a hash of marks. ARGV: the field for the id, the installation's id.
  private static let replaceScript = """
    if redis.call('HGET', KEYS[1], ARGV[1]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
    """

  /// KEYS: the hash of the claim. ARGV: id, claim, schema, partitions, and the claim that must be there, or ''.
  private static let claimScript = """
    if (redis.call('HGET', KEYS[1], 'claim') or '') ~= ARGV[5] then return 0 end
    redis.call('HSET', KEYS[1], 'installation', ARGV[1], 'claim', ARGV[2], 'schema', ARGV[3], 'partitions', ARGV[4])
    return 1
    """
}
