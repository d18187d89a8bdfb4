package import TidemarkCore

/// One item of `lanes:`: streams that are lanes beside the built-in ones.
package struct LaneItem: Sendable {
  /// A stream's name, or a glob pattern of names.
  package var streams: String
  /// Where reading begins; used once, when the lane has no cursor yet.
  package var start: Start
  /// Where it was written, for messages; no part of what it means.
  var position: TextPosition?

  package enum Start: Hashable, Sendable {
    case oldest
    case newest
    /// What follows this entry.
    case after(EntryID)
  }

  package init(streams: String, start: Start = .oldest) {
    self.streams = streams
    self.start = start
  }

  package var pattern: GlobPattern { GlobPattern(streams) }

  /// Whether ``streams`` has to be looked for, rather than being one name.
  package var isPattern: Bool { streams.contains { "*?[\\".contains($0) } }
}

extension LaneItem: Equatable {
  /// A line moved within the file is no change of the configuration.
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

  /// Nil for anything but `oldest`, `newest` and an entry id.
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
