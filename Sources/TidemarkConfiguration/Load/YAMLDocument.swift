import Yams

/// Turns the text of a file into ``RawValue``. No other type uses Yams.
enum YAMLDocument {
  /// The error for a text that can't be parsed. It quotes nothing, because the text may hold secrets.
  struct Malformed: Error {
    var position: TextPosition
    var what: String
    var hint: String
  }

  static func parse(_ text: String) throws(Malformed) -> RawValue {
    var masked = MaskedText(text)
    while true {
      do {
        guard let root = try Yams.compose(yaml: masked.text) else { return RawValue(.null) }
        return value(of: root, masks: masked.masks)
      } catch YamlError.duplicatedKeysInMapping(let names, let context) {
        // Yams stops at a duplicate key. The earlier one is masked and the text is read again, so that the rest of the file is checked too.
        let position = TextPosition(context.mark)
        guard let name = names.first, masked.mask(name, at: position) else {
          throw Malformed(position: position, what: "a key is given twice in one map", hint: "keep one of the two")
        }
      } catch {
        throw malformed(error, in: masked.text)
      }
    }
  }

  private static func value(of node: Node, masks: [Character: MaskedText.Mask]) -> RawValue {
    let position = node.mark.map(TextPosition.init)
    switch node {
    case .scalar(let scalar):
      let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
      return RawValue(isNull ? .null : .text(scalar.string), at: position)
    case .sequence(let sequence):
      return RawValue(.list(sequence.map { value(of: $0, masks: masks) }), at: position)
    case .mapping(let mapping):
      var earlier: [String: TextPosition] = [:]
      var pairs: [RawValue.Pair] = []
      for (key, content) in mapping {
        let name = key.scalar?.string ?? "?"
        let position = key.mark.map(TextPosition.init) ?? TextPosition(line: 1, column: 1)
        if let mask = name.first.flatMap({ masks[$0] }) {
          if earlier[mask.name] == nil { earlier[mask.name] = mask.position }
        } else {
          pairs.append(
            RawValue.Pair(key: name, position: position, value: value(of: content, masks: masks), earlier: earlier[name]))
        }
      }
      return RawValue(.map(pairs), at: position)
    case .alias:
      // Yams resolves aliases while it composes, so no alias is left here.
      return RawValue(.null, at: position)
    }
  }

  private static func malformed(_ error: any Error, in text: String) -> Malformed {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
      let hint =
        problem.contains("cannot start any token")
        ? "indent with spaces rather than tabs, and quote values that begin with @, ` or %"
        : "look at indentation, colons and quotes on this line and the one above"
      return Malformed(position: TextPosition(mark), what: "this is not YAML: \(problem)", hint: hint)
    case .reader(let problem, let offset, _, _):
      let before = text.prefix(offset ?? 0)
      let line = before.count { $0.isNewline } + 1
      return Malformed(
        position: TextPosition(line: line, column: 1), what: "this is not YAML: \(problem)", hint: "remove this character")
    default:
      return Malformed(
        position: TextPosition(line: 1, column: 1), what: "this is not YAML", hint: "compare it with the sample configuration")
    }
  }
}

extension TextPosition {
  fileprivate init(_ mark: Mark) {
    self.init(line: mark.line, column: mark.column)
  }
}
