package import TidemarkCore

/// An item of `lanes:`: streams that are lanes beside the built-in ones.
package struct LaneItem: Sendable {
  /// A stream's name, or a glob pattern of names.
  package var streams: String
  /// The position where reading begins; used once, when the lane has no cursor yet.
  package var start: Start
  /// The position in the file, for messages. It does not affect equality.
  var position: TextPosition?

  package enum Start: Hashable, Sendable {
    case oldest
    case newest
    /// Reading begins after this entry.
    case after(EntryID)
  }

  package init(streams: String, start: Start = .oldest) {
    self.streams = streams
    self.start = start
  }

  package var pattern: GlobPattern { GlobPattern(streams) }

  /// Whether ``streams`` is a pattern instead of a name.
  package var isPattern: Bool { streams.contains { "*?[\\".contains($0) } }
}

extension LaneItem: Equatable {
  /// Compares the meaning of two items: a line that moved within the file is not a change.
  package static func == (left: LaneItem, right: LaneItem) -> Bool {
    left.streams == right.streams && left.start == right.start
  }
}

extension LaneItem.Start: CustomStringConvertible {
  package var description: String {
    switch self {
    case .oldest: "oldest"
    case .newest: "newest"
    case .after(let id): id.description
    }
  }

  /// Parses `oldest`, `newest` and entry ids; nil for other texts.
  package init?(_ text: String) {
    switch text {
    case "oldest": self = .oldest
    case "newest": self = .newest
    default:
      guard let id = EntryID(text) else { return nil }
      self = .after(id)
    }
  }
}
