/// Which entries a stream has, and of which sessions they are.
package struct StreamEntries: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    package var id: EntryID
    /// As the entry gives it.
    package var session: String

    package init(id: EntryID, session: String) {
      self.id = id
      self.session = session
    }
  }

  /// The entries that name a session. One that names several is there several times.
  package var entries: [Entry]
  /// The number of entries that were read, and the last one; nil where there was none.
  package var count: Int
  package var last: EntryID?
  package var bytes: Int

  package init(entries: [Entry], count: Int, last: EntryID?, bytes: Int) {
    self.entries = entries
    self.count = count
    self.last = last
    self.bytes = bytes
  }
}
