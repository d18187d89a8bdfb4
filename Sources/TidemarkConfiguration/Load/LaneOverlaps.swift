internal import TidemarkCore

/// Finds streams that two items of `lanes`, or an item and the built-in lanes, both match.
struct LaneOverlaps {
  var configuration: Configuration
  var source: SettingSource

  func problems() -> [Problem] {
    let patterns = configuration.lanes.map(\.pattern)
    var problems: [Problem] = []
    for (index, item) in configuration.lanes.enumerated() {
      let name = "lanes[\(index)].streams \(RawValue.quoted(item.streams))"
      if let earlier = patterns[..<index].firstIndex(where: { $0.overlaps(patterns[index]) }) {
        let other = configuration.lanes[earlier]
        let line = other.position.map { " in line \($0.line)" } ?? ""
        problems.append(
          Problem(
            source: place(of: item),
            what: "\(name) matches streams that lanes[\(earlier)].streams \(RawValue.quoted(other.streams))\(line) matches too",
            hint: "make the patterns exclude each other"))
      }
      if let stream = ownStreams.first(where: { GlobPattern(literal: $0).overlaps(patterns[index]) }) {
        problems.append(
          Problem(
            source: place(of: item), what: "\(name) matches \(stream), one of Tidemark's own streams",
            hint: "narrow the pattern, or choose another redis.prefix"))
      }
    }
    return problems
  }

  private func place(of item: LaneSetting) -> SettingSource {
    item.position.map { source.moved(to: $0) } ?? source
  }

  /// The streams of the built-in lanes, and the streams for agents' requests.
  private var ownStreams: [String] {
    guard configuration.state.isEnabled else { return [] }
    let partitions = (0..<configuration.state.partitions).map { KeyNames(prefix: configuration.redis.prefix).partition($0) }
    return partitions.map(\.changes) + partitions.map(\.requests)
  }
}
