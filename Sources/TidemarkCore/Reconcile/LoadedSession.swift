/// A session as Redis has it, in one moment.
package struct LoadedSession: Sendable, Equatable {
  package var id: String
  /// Names and values of the session itself, alternating; also what the function library keeps for itself.
  package var fields: [String]
  /// Keys and values of the context, alternating.
  package var context: [String]
  /// The last messages, oldest first.
  package var messages: [String]
  /// Ids of open calls and their open attempts, alternating.
  package var calls: [String]

  package init(id: String, fields: [String], context: [String] = [], messages: [String] = [], calls: [String] = []) {
    self.id = id
    self.fields = fields
    self.context = context
    self.messages = messages
    self.calls = calls
  }

  /// The entry of the session's last change; nil where the session's hash does not say so.
  package var entry: EntryID? { fields.value(of: "entry_id").flatMap { EntryID($0) } }

  /// Where the session's numbering stands; nil where its hash does not say so.
  package var numbering: FreshSession? {
    guard let entry, let epoch = fields.value(of: "epoch").flatMap({ Int64($0) }), let seq = fields.value(of: "seq").flatMap({ Int64($0) })
    else { return nil }
    return FreshSession(
      entry: entry, epoch: epoch, seq: seq, incarnation: fields.value(of: "incarnation").flatMap { Int64($0) } ?? 0)
  }

  /// The entry from which on Redis has the session's changes: its first one there, or the one up to which it was restored.
  package var start: EntryID? { fields.value(of: "started_id").flatMap { EntryID($0) } }

  /// Whether the ledger may know more of the session, because it began in Redis anew.
  package var isFresh: Bool { fields.value(of: "fresh") != nil }

  /// The number of bytes of all texts.
  package var byteCount: Int { [fields, context, messages, calls].joined().reduce(0) { $0 + $1.utf8.count } }
}

extension [String] {
  /// The value that follows a name in a list of names and values.
  fileprivate func value(of name: String) -> String? {
    alternatingPairs.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }
}
