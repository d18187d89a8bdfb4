internal import TidemarkCore

/// Reads the items of `lanes:`.
struct LaneItemReader {
  var path: String
  var source: SettingSource

  private static let known = ["streams", "start"]
  /// The keys that are documented for custom routes, which this release does not support.
  private static let ofRoutes = ["expires", "trim", "unmatched", "json", "envelope", "routes"]

  /// Returns the valid items and adds the faults of the others to the problems.
  func read(_ items: [RawValue], into problems: inout [Problem]) -> [LaneSetting] {
    items.enumerated().compactMap { index, item in
      read(item, name: "\(path)[\(index)]", into: &problems)
    }
  }

  private func read(_ raw: RawValue, name: String, into problems: inout [Problem]) -> LaneSetting? {
    func refuse(_ position: TextPosition?, _ what: String, _ hint: String) {
      let place = position.map { source.moved(to: $0) } ?? source
      problems.append(Problem(source: place, what: what, hint: hint))
    }
    guard case .map(let pairs) = raw.content else {
      refuse(
        raw.position, "\(name) is \(raw.described(hidingText: false)), not a map", "write it as { streams: \"orders:*\" }")
      return nil
    }
    let before = problems.count
    var item = LaneSetting(streams: "")
    item.position = raw.position
    for pair in pairs {
      let key = "\(name).\(pair.key)"
      if let earlier = pair.earlier {
        refuse(pair.position, "\(key) is given twice, first in line \(earlier.line)", "keep one of the two")
      }
      switch (pair.key, pair.value.content) {
      case ("streams", .text(let text)) where !text.isEmpty:
        item.streams = text
        item.position = pair.value.position ?? item.position
        if !item.pattern.isWellFormed {
          refuse(pair.value.position, "\(key) has a [ that is never closed", "close it with ], or write \\[ for the character itself")
        }
      case ("streams", _):
        refuse(
          pair.value.position, "\(key) is \(pair.value.described(hidingText: false)), not a name",
          "write a stream's name or a pattern such as \"orders:*\"")
      case ("start", .text(let text)):
        if let start = LaneStart(text) {
          item.start = start
        } else if text.hasPrefix("group:") {
          refuse(
            pair.value.position, "\(key) \(RawValue.quoted(text)) is not supported by this release",
            "write oldest, newest or an entry id")
        } else {
          refuse(
            pair.value.position, "\(key) is \(RawValue.quoted(text)), not a place in a stream",
            "write oldest, newest or an entry id such as 1795389463124-98")
        }
      case ("start", _):
        refuse(
          pair.value.position, "\(key) is \(pair.value.described(hidingText: false)), not a place in a stream",
          "write oldest, newest or an entry id such as 1795389463124-98")
      case (let other, _) where Self.ofRoutes.contains(other):
        refuse(pair.position, "\(key) belongs to custom routes, which this release does not support", "remove it")
      case (let other, _):
        let nearest = NearestName.of(other, in: Self.known)
        refuse(
          pair.position, "\(name).\(other) is not a setting",
          nearest.map { "did you mean \($0)?" } ?? "the settings of an item are streams and start")
      }
    }
    if !pairs.contains(where: { $0.key == "streams" }) {
      refuse(raw.position, "\(name) has no streams", "add streams: with a stream's name or a pattern")
    }
    return problems.count == before ? item : nil
  }
}
