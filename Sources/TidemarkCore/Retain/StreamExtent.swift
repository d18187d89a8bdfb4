/// Which entries a lane's stream holds.
package enum StreamExtent: Sendable, Equatable {
  /// Its server does not answer, or its key can't be inspected.
  case unknown
  case absent
  /// - first: the oldest entry that is there; nil where there is none.
  /// - last: the last id that Redis gave.
  case present(first: EntryID?, last: EntryID)

  /// Where the stream ends.
  package var end: EventIDRetention.StreamEnd {
    switch self {
    case .unknown: .unknown
    case .absent: .absent
    case .present(_, let last): .at(last)
    }
  }
}
