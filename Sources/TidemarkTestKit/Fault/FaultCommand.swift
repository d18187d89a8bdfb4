/// What a ``FaultProxy`` is told to do, and how a script says it: one command a line.
///
/// `up` is from the client to the server, `down` from the server to the client. TEXT is the rest of the line, ASCII,
/// looked for across the borders of segments.
package enum FaultCommand: Sendable, Hashable {
  /// `clear`: no fault for what comes, and what is held passes on; connections that lost bytes by a fault are reset, the
  /// others live on.
  case clear
  /// `delay MILLISECONDS`: every segment of both directions is delivered that much later, in order (0: none).
  case delay(Duration)
  /// `segments BYTES`: what passes is written in segments of BYTES at most, each flushed on its own (0: as it comes).
  case segments(Int)
  /// `swallow`: half-open. Open connections stay open, new ones are accepted, not one byte passes any more, nor does an
  /// end; `clear` resets all that were open meanwhile.
  case swallow
  /// `refuse`: new connections are reset at once; open ones live on.
  case refuse
  /// `reset`: all open connections are ended by RST on both sides; new ones are fine.
  case reset
  /// `truncate DIRECTION BYTES`: exactly BYTES more pass in that direction, then the connection is ended by RST on both sides.
  /// Armed once: the first connection that has data in that direction takes it.
  case truncate(FaultDirection, Int)
  /// `lose DIRECTION TEXT`: armed once. The first segment that completes TEXT is not delivered and nothing behind it on its
  /// connection is; the connection is reset towards the client and closed in order towards the server. Event `lost DIRECTION TEXT`.
  case lose(FaultDirection, String)
  /// `hold DIRECTION TEXT`: armed once. The first segment that completes TEXT is held, and all that follows on its connection in
  /// that direction; the other direction goes on. Event `held DIRECTION TEXT`.
  case hold(FaultDirection, String)
  /// `go`: what is held passes on.
  case go
  /// `connections`: answers how many are open now, seen from the clients.
  case connections

  /// Why a line is no command.
  package struct Unreadable: Error, CustomStringConvertible {
    package let description: String
  }

  /// Reads one line of a script. Spaces inside a TEXT count.
  package init(line: String) throws(Unreadable) {
    let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    let arguments = words.dropFirst()
    switch (words.first ?? "", arguments.count) {
    case ("clear", 0): self = .clear
    case ("swallow", 0): self = .swallow
    case ("refuse", 0): self = .refuse
    case ("reset", 0): self = .reset
    case ("go", 0): self = .go
    case ("connections", 0): self = .connections
    case ("delay", 1): self = .delay(.milliseconds(try Self.count(words[1])))
    case ("segments", 1): self = .segments(try Self.count(words[1]))
    case ("truncate", 2): self = .truncate(try Self.direction(words[1]), try Self.count(words[2]))
    case ("lose", 2): self = .lose(try Self.direction(words[1]), try Self.text(words[2]))
    case ("hold", 2): self = .hold(try Self.direction(words[1]), try Self.text(words[2]))
    case (let name, _): throw Unreadable(description: "no command with these arguments: \(name)")
    }
  }

  private static func count(_ word: Substring) throws(Unreadable) -> Int {
    // A bound keeps the arithmetic of times and sizes safe; nobody waits longer or sends more.
    guard let number = Int(word), (0...1_000_000_000).contains(number) else {
      throw Unreadable(description: "not a number from 0 to 1000000000: \(word)")
    }
    return number
  }

  private static func direction(_ word: Substring) throws(Unreadable) -> FaultDirection {
    guard let direction = FaultDirection(rawValue: String(word)) else {
      throw Unreadable(description: "neither up nor down: \(word)")
    }
    return direction
  }

  private static func text(_ word: Substring) throws(Unreadable) -> String {
    guard !word.isEmpty, word.utf8.allSatisfy({ $0 < 128 }) else {
      throw Unreadable(description: "the text is empty or not ASCII")
    }
    return String(word)
  }
}
