/// The range of entries that a lane's stream holds.
package enum StreamExtent: Sendable, Equatable {
  /// The stream's server does not answer, or its key can't be inspected.
  case unknown
  case absent
  /// The stream exists. `first` is its oldest entry, nil where the stream is empty; `last` is the last id that Redis gave.
  case present(first: EntryID?, last: EntryID)
}
