package import TidemarkCore

/// An item of `lanes:` with its position in the file.
package struct LaneSetting: Sendable {
  /// A stream's name, or a glob pattern of names.
  package var streams: String
  /// The position where reading begins; used once, when the lane has no cursor yet.
  package var start: LaneStart
  /// The position in the file, for messages. It does not affect equality.
  var position: TextPosition?

  package init(streams: String, start: LaneStart = .oldest) {
    self.streams = streams
    self.start = start
  }

  package var item: LaneItem { LaneItem(streams: streams, start: start) }

  var pattern: GlobPattern { GlobPattern(streams) }
}

extension LaneSetting: Equatable {
  /// Compares the meaning of two items: a line that moved within the file is not a change.
  package static func == (left: LaneSetting, right: LaneSetting) -> Bool {
    left.streams == right.streams && left.start == right.start
  }
}
