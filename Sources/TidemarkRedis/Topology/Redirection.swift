/// What a node answers when another one is to be asked.
enum Redirection: Error, Sendable, Hashable {
  /// For good.
  case moved(slot: Int, to: RedisNode)
  /// For this key, while its slot is being moved.
  case ask(slot: Int, to: RedisNode)

  /// `MOVED 3999 127.0.0.1:6381` or `ASK ...`; nil for everything else.
  ///
  /// - Parameter asked: the host of the node that answered, which may not know by which address the other is reached.
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
