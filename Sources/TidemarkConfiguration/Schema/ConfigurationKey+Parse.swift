extension ConfigurationKey {
  /// Parses a value of any shape. Returns nil after adding to the problems if it is wrong.
  func parse(_ raw: RawValue, from source: SettingSource, into problems: inout [Problem]) -> ParsedValue? {
    let source = raw.position.map { source.moved(to: $0) } ?? source
    func refuse(_ what: String, _ hint: String) -> ParsedValue? {
      problems.append(Problem(source: source, what: "\(path) \(what)", hint: hint))
      return nil
    }
    switch (kind, raw.content) {
    case (.list, .null), (.lanes, .null):
      return refuse("is empty", "write [] for an empty list, or leave the line out")
    case (_, .null):
      return isOptional ? .unset : refuse("is empty", "give it a value or leave the line out")
    case (.lanes, .text(let text)) where raw.position == nil:
      return parseLanes(yaml: text, from: source, into: &problems)
    case (.lanes, .list(let items)):
      return .lanes(LaneItemReader(path: path, source: source).read(items, into: &problems))
    case (.list, .list(let items)):
      return parseList(items, from: source, into: &problems)
    case (.list, .text) where raw.position != nil, (.lanes, _), (_, .list), (_, .map):
      return refuse("is \(raw.described(hidingText: isSecret || kind.mayHoldPassword)), not \(kind.noun)", kind.hint)
    case (_, .text(let text)):
      do throws(ValueKind.Mismatch) {
        return try kind.parse(text, isSecret: isSecret)
      } catch {
        return refuse(error.what, error.hint)
      }
    }
  }

  private func parseList(_ items: [RawValue], from source: SettingSource, into problems: inout [Problem]) -> ParsedValue? {
    var texts: [String] = []
    for item in items {
      guard case .text(let text) = item.content, !text.isEmpty else {
        let place = item.position.map { source.moved(to: $0) } ?? source
        problems.append(
          Problem(source: place, what: "\(path) has an item that is \(item.described(hidingText: true)), not a text", hint: kind.hint))
        continue
      }
      texts.append(text)
    }
    return texts.count == items.count ? .list(texts) : nil
  }

  /// Parses the value of `lanes` from the environment or a flag, which give it as YAML in one line.
  private func parseLanes(yaml: String, from source: SettingSource, into problems: inout [Problem]) -> ParsedValue? {
    guard let document = try? YAMLDocument.parse(yaml), case .list(let items) = document.content else {
      problems.append(Problem(source: source, what: "\(path) is \(RawValue.quoted(yaml)), not a list of maps", hint: kind.hint))
      return nil
    }
    return .lanes(LaneItemReader(path: path, source: source).read(items, into: &problems))
  }
}

extension SettingSource {
  /// Returns the source with another position in the same file. Other sources have no positions and are returned unchanged.
  func moved(to position: TextPosition) -> SettingSource {
    if case .file(let path, _) = self { return .file(path, position) }
    return self
  }
}
