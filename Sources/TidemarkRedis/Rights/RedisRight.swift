/// A command that Tidemark sends or runs in a script, and the kind of key or channel that the command names.
///
/// A test compares ``all`` with the commands in the sources, so that a new command can't be forgotten.
package struct RedisRight: Sendable, Hashable {
  /// The function that needs a command. A worker can't serve without the rights of `work`; all other functions are optional.
  package enum Purpose: Sendable, Hashable {
    case work, publishing, trimming, mirroring, raisingIDs, discovery, doorbell, functions, sessions, countingWorkers, naming
    /// The steps of a new connection: if one of them is refused, nothing can be reached.
    case connecting
    case askingForPolicy, bench
  }

  /// The meaning of the word KEY in ``words``.
  enum Place: Sendable, Hashable {
    case nothing, lane
    /// The hashes of a lane's own: its marks and its rejected entries.
    case marks, rejected
    /// The hash of the marks of all other lanes, and the hash of the claim.
    case sharedMarks, claim
    /// The keys of a session's hot state, and the stream of requests of its partition.
    case session, requests
    /// The channel of a lane with a hash of its own.
    case channel
  }

  /// The way in which the right to a command is tried without an effect.
  enum Trial: Sendable, Hashable {
    /// The command runs in a script that may not write: the server checks the user's rights first, and then refuses the write.
    case script
    /// The command is sent as it is, because it changes nothing.
    case direct
    /// The command runs on its own connection, whose mode it changes.
    case subscription
    /// The right is not tried: the connection was made with it, or only `bench` needs it.
    case none
  }

  /// The words that are sent for a trial, separated by spaces.
  let words: String
  package let purpose: Purpose
  let place: Place
  let trial: Trial

  init(_ words: String, _ purpose: Purpose, _ place: Place = .nothing, trial: Trial = .script) {
    self.words = words
    self.purpose = purpose
    self.place = place
    self.trial = trial
  }

  private static let containers: Set<String> = [
    "client", "cluster", "config", "function", "memory", "pubsub", "sentinel", "xgroup", "xinfo",
  ]

  /// The command's name in ACL rules: `xread`, `xinfo|stream`.
  package var command: String { Self.command(words.split(separator: " ")) }

  /// Returns the name in ACL rules for a command's words. The second word is part of the name only for some commands.
  static func command(_ words: [Substring]) -> String {
    let parts = words.prefix(2).map { $0.lowercased() }
    return Self.containers.contains(parts[0]) ? parts.joined(separator: "|") : parts[0]
  }

  /// Returns the words to send for a key or a channel.
  func arguments(_ name: String) -> [RedisArgument] {
    words.split(separator: " ").map { $0 == "KEY" ? .text(name) : .text(String($0)) }
  }
}
