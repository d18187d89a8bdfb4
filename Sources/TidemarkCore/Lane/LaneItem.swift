/// An item of `lanes`: the name of a stream, or a pattern of names.
package struct LaneItem: Sendable, Equatable {
  package let streams: String
  package let start: LaneStart

  private let pattern: GlobPattern

  package init(streams: String, start: LaneStart) {
    self.streams = streams
    self.start = start
    pattern = GlobPattern(streams)
  }

  /// Whether ``streams`` is a pattern instead of a name.
  package var isPattern: Bool { streams.contains { "*?[\\".contains($0) } }

  func covers(_ lane: String) -> Bool { isPattern ? pattern.matches(lane) : streams == lane }
}
