/// The state of a session as the ledger knows it, in the shape in which the function library keeps it in Redis.
///
/// All values are texts, also those that hold JSON.
package struct HotSession: Sendable, Equatable {
  package var id: String
  /// The latest entry that the state shows.
  package var entry: EntryID
  /// Names and values of the session itself, alternating.
  package var fields: [String]
  /// Keys and values of the context, alternating.
  package var context: [String]
  /// The last visible messages, oldest first.
  package var messages: [String]
  /// Ids of open calls and their open attempts, alternating.
  package var calls: [String]

  package init(
    id: String, entry: EntryID = .zero, fields: [String] = [], context: [String] = [], messages: [String] = [], calls: [String] = []
  ) {
    self.id = id
    self.entry = entry
    self.fields = fields
    self.context = context
    self.messages = messages
    self.calls = calls
  }

  /// The number of bytes of all texts.
  package var byteCount: Int { [fields, context, messages, calls].joined().reduce(0) { $0 + $1.utf8.count } }
}

/// A session's id as it is compared by both servers: byte by byte. Texts of Swift that look alike are equal whatever their bytes.
package struct SessionKey: Hashable, Sendable {
  private let bytes: [UInt8]

  package init(_ id: String) { bytes = Array(id.utf8) }

  /// The lengths, in bytes, that a session's id may have.
  package static let lengths = 1...ChangeCatalog.sessionLimit
}
