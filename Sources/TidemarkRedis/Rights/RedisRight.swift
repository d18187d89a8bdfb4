/// A command that Tidemark sends or runs in a script, and the kind of key or channel that it names there.
///
/// The commands in the sources and those in ``all`` are compared by a test, so a new command can't be forgotten.
package struct RedisRight: Sendable, Hashable {
  /// What a command is needed for. Without one of `work` a worker can't serve; every other purpose is something that it does besides.
  package enum Purpose: Sendable, Hashable {
    case work, publishing, trimming, mirroring, raisingIDs, discovery, doorbell, countingWorkers, naming
    /// What a connection does before anything else: where it is refused, nothing is reached.
    case connecting
    case askingForPolicy, bench
  }

  /// What the word KEY of ``words`` stands for.
  enum Place: Sendable, Hashable {
    case nothing, lane
    /// Hashes beside a built-in lane: its marks, its rejected entries.
    case marks, rejected
    /// The hash of the marks of all other lanes, and that of the claim.
    case sharedMarks, claim
    /// The channel of a built-in lane.
    case channel
  }

  /// How the right to a command is tried without an effect.
  enum Trial: Sendable, Hashable {
    /// In a script that may not write: the server looks at the user's rights first, and then refuses to write.
    case script
    /// As it stands: it changes nothing.
    case direct
    /// On a connection of its own, which it changes.
    case subscription
    /// Not at all: the connection was made with it, or only `bench` needs it.
    case none
  }

  /// As it is sent for a trial, words parted by spaces.
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

  private static let containers: Set<String> = ["client", "cluster", "config", "pubsub", "sentinel", "xgroup", "xinfo"]

  /// As ACL rules name the command: `xread`, `xinfo|stream`.
  package var command: String { Self.command(words.split(separator: " ")) }

  /// The same of a command's words. Only of some is the second word a part of the name.
  static func command(_ words: [Substring]) -> String {
    let parts = words.prefix(2).map { $0.lowercased() }
    return Self.containers.contains(parts[0]) ? parts.joined(separator: "|") : parts[0]
  }

  /// What is sent for a key or a channel.
  func arguments(_ name: String) -> [RedisArgument] {
    words.split(separator: " ").map { $0 == "KEY" ? .text(name) : .text(String($0)) }
  }
}
