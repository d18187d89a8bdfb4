internal import TidemarkCore

/// A node's reply that redirects to another node.
enum Redirection: Error, Sendable, Hashable {
  /// The slot has moved permanently.
  case moved(slot: Int, to: RedisNode)
  /// The redirection applies to this key, while its slot is being migrated.
  case ask(slot: Int, to: RedisNode)

  /// Parses `MOVED 3999 127.0.0.1:6381` or `ASK ...`; nil for other errors.
  ///
  /// - Parameter asked: the host of the node that replied, which may not know its own address.
  init?(_ message: String, asked: String) {
    let words = message.split(separator: " ")
    guard words.count == 3, let slot = Int(words[1]), var node = RedisNode(redirection: words[2]) else { return nil }
    if node.host.isEmpty || node.host == "?" { node.host = asked }
    switch words[0] {
    case "MOVED": self = .moved(slot: slot, to: node)
    case "ASK": self = .ask(slot: slot, to: node)
    default: return nil
    }
  }
}
