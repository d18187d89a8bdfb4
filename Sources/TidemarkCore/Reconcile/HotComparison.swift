/// Compares a session in Redis with what the ledger has of it.
///
/// Texts are compared byte by byte, JSON by its value, as jsonb keeps it. A list of messages may be shorter than the ledger's, because it never
/// gets back what once left it: see ``shorterSince``.
struct HotComparison {
  /// What is different, without any content: `title`, `meta`, `context`, `messages at 1795389463124-98`, `open calls`.
  private(set) var different: [String] = []
  /// Parts that Redis does not have at all while the ledger has them.
  private(set) var missing: [String] = []
  /// The newest of the ledger's visible messages that the otherwise equal list of Redis does not have. The list may have dropped it only if
  /// enough messages came after it.
  private(set) var shorterSince: EntryID?

  /// - Parameters:
  ///   - known: the session in the ledger, with at most `limit` messages.
  ///   - limit: the number of messages that Redis keeps. A list that was written under a larger one is longer until its next message.
  init(_ hot: LoadedSession, _ known: HotSession, limit: Int) {
    let (left, right) = (SessionFields(hot.fields), SessionFields(known.fields))
    for name in SessionFields.names where left.texts[name] != right.texts[name] {
      if name == "status", left.texts[name] == nil, right.texts[name] == Array("active".utf8) { continue }
      different.append(name)
    }
    if left.meta != right.meta { different.append("meta") }
    compareContext(hot, known, left.kinds, right.kinds)
    compareMessages(hot.messages.suffix(limit), known.messages)
    compareCalls(hot.calls, known.calls)
  }

  private mutating func compareContext(
    _ hot: LoadedSession, _ known: HotSession, _ kinds: [[UInt8]: [UInt8]], _ knownKinds: [[UInt8]: [UInt8]]
  ) {
    let (left, right) = (Self.values(hot.context), Self.values(known.context))
    if left.isEmpty, !right.isEmpty {
      missing.append("context")
    } else if left != right || right.keys.contains(where: { kinds[$0] != knownKinds[$0] }) {
      different.append("context")
    }
  }

  private mutating func compareMessages(_ hot: ArraySlice<String>, _ known: [String]) {
    if hot.count > known.count { different.append("messages") }
    for (element, other) in zip(hot.reversed(), known.reversed()) {
      let (left, right) = (HotElement(element), HotElement(other))
      if left == right { continue }
      if hot.count <= known.count { different.append("messages" + (right?.entry.map { " at \($0)" } ?? "")) }
      return
    }
    if hot.count < known.count { shorterSince = HotElement(known[known.count - hot.count - 1])?.entry }
  }

  private mutating func compareCalls(_ hot: [String], _ known: [String]) {
    let (left, right) = (Self.attempts(hot), Self.attempts(known))
    if left.isEmpty, !right.isEmpty {
      missing.append("open calls")
    } else if left != right {
      different.append("open calls")
    }
  }

  private static func values(_ pairs: [String]) -> [[UInt8]: ComparedJSON] {
    var values: [[UInt8]: ComparedJSON] = [:]
    for (name, value) in pairs.alternatingPairs { values[Array(name.utf8)] = ComparedJSON(value) }
    return values
  }

  /// The open attempts of each call, in their order.
  private static func attempts(_ pairs: [String]) -> [[UInt8]: [HotElement?]] {
    var attempts: [[UInt8]: [HotElement?]] = [:]
    for (call, lines) in pairs.alternatingPairs {
      attempts[Array(call.utf8)] = lines.split(separator: "\n").map { HotElement(String($0))?.withoutNumber }
    }
    return attempts
  }
}
