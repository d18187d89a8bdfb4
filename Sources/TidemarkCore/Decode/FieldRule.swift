/// The rule for one field of a change.
package struct FieldRule: Sendable {
  package enum Kind: Sendable, Equatable {
    case text
    /// One JSON value that jsonb can hold.
    case json
    case jsonArray
    /// A signed integer of 64 bits.
    case integer
    /// A decimal number that numeric can hold.
    case decimal
    /// A finite number that double precision can hold.
    case number
    /// `1` for true, `0` for false.
    case flag
    case choice([String])
  }

  package var name: String
  package var kind: Kind
  package var isRequired: Bool
  /// The most bytes that the value may have. Nil means that only the limit of the entry applies.
  package var maxLength: Int?

  package init(_ name: String, _ kind: Kind = .text, required: Bool = false, maxLength: Int? = nil) {
    self.name = name
    self.kind = kind
    self.isRequired = required
    self.maxLength = maxLength
  }

  package var isJSON: Bool { kind == .json || kind == .jsonArray }

  /// Whether an empty value counts as absent, as it does for an optional JSON or number field.
  var isAbsentWhenEmpty: Bool {
    switch kind {
    case .json, .jsonArray, .integer, .decimal, .number: !isRequired
    case .text, .flag, .choice: false
    }
  }
}
