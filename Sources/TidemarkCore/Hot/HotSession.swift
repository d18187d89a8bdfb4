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
}
