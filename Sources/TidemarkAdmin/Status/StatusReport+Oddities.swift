internal import TidemarkCore

extension StatusReport {
  /// A type of change that the catalog does not know; its entries are kept whole.
  package struct UnknownType: Sendable, Equatable, Codable {
    package var type: String
    package var entries: Int
    /// The known type that was probably meant.
    package var nearest: String?

    package init(type: String, entries: Int) {
      self.type = type
      self.entries = entries
      nearest = UnknownTypes.nearest(to: type)
    }

    // The synthesized encoder would leave out nil values.
    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(type, forKey: .type)
      try container.encode(entries, forKey: .entries)
      try container.encode(nearest, forKey: .nearest)
    }
  }

  /// Returns one line for each probable mistake of a producer.
  func oddities() -> [String] {
    var lines: [String] = []
    if let unreadStreams, !unreadStreams.isEmpty {
      let more = unreadStreams.count > 5 ? " and \(unreadStreams.count - 5) more" : ""
      lines.append(
        "No lane reads \(ForeignText.line(unreadStreams.prefix(5).joined(separator: ", ")))\(more): `tidemark check` says where they belong"
      )
    }
    for unknown in unknownTypes {
      guard let nearest = unknown.nearest else { continue }
      lines.append(
        "\(unknown.entries) \(unknown.entries == 1 ? "entry has" : "entries have") the unknown type \(ForeignText.line(unknown.type)): "
          + "is it \(nearest)?")
    }
    return lines
  }
}
