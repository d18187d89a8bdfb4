extension Resolution {
  /// Reads the text of a file; messages name the file as `name`.
  mutating func read(file name: String, bytes: [UInt8]) {
    let start = TextPosition(line: 1, column: 1)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let valid = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{FFFD}" }
      let position = TextPosition(line: valid.count { $0.isNewline } + 1, column: 1)
      report("this is not UTF-8", at: .file(name, position), hint: "save the file as UTF-8")
      return
    }
    do throws(YAMLDocument.Malformed) {
      let root = try YAMLDocument.parse(text)
      switch root.content {
      case .null: return
      case .map(let pairs): read(pairs, under: "", file: name)
      case .text, .list:
        report(
          "the file is \(root.described(hidingText: true)), not a map", at: .file(name, root.position ?? start),
          hint: "write settings such as batch: { max_entries: 5000 }")
      }
    } catch {
      report(error.what, at: .file(name, error.position), hint: error.hint)
    }
  }

  private mutating func read(_ pairs: [RawValue.Pair], under section: String, file: String) {
    for pair in pairs {
      let path = section.isEmpty ? pair.key : "\(section).\(pair.key)"
      let place = SettingSource.file(file, pair.position)
      if let earlier = pair.earlier {
        report("\(path) is given twice, first in line \(earlier.line)", at: place, hint: "keep one of the two")
      }
      if pair.key.contains("."), let key = ConfigurationSchema.key(path) {
        let parts = key.path.split(separator: ".")
        report(
          "\(RawValue.quoted(pair.key)) is a single name in YAML", at: place,
          hint: "nest it: \(parts.joined(separator: ": { "))\(": ...")\(String(repeating: " }", count: parts.count - 1))")
      } else if let key = ConfigurationSchema.key(path) {
        set(key, pair.value, from: .file(file, pair.value.position ?? pair.position))
      } else if ConfigurationSchema.isSection(path) {
        readSection(pair, path: path, file: file)
      } else {
        reportUnknown(path, at: place)
      }
    }
  }

  private mutating func readSection(_ pair: RawValue.Pair, path: String, file: String) {
    switch pair.value.content {
    case .map(let pairs): read(pairs, under: path, file: file)
    case .null: break  // All lines of the section are commented out.
    case .text, .list:
      let names = ConfigurationSchema.names(under: path).joined(separator: ", ")
      report(
        "\(path) is \(pair.value.described(hidingText: true)), not a map", at: .file(file, pair.value.position ?? pair.position),
        hint: "write settings under it: \(names)")
    }
  }
}
