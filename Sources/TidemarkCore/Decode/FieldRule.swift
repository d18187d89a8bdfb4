/// What one field of a change must look like.
package struct FieldRule: Sendable {
  package enum Kind: Sendable, Equatable {
    case text
    /// One JSON value that jsonb can hold.
    case json
    case jsonArray
    /// A signed integer of 64 bits.
    case integer
    /// A decimal that numeric can hold.
    case decimal
    /// A finite number that double precision can hold.
    case number
    /// `1` for yes.
    case flag
    case choice([String])
  }

  package var name: String
  package var kind: Kind
  package var isRequired: Bool
  /// Bytes at most. Nil: only the entry's limit.
  package var maxLength: Int?

  package init(_ name: String, _ kind: Kind = .text, required: Bool = false, maxLength: Int? = nil) {
    self.name = name
    self.kind = kind
    self.isRequired = required
    self.maxLength = maxLength
  }

  package var isJSON: Bool { kind == .json || kind == .jsonArray }

  /// An optional JSON or number field that is empty counts as absent.
  var isAbsentWhenEmpty: Bool {
    switch kind {
    case .json, .jsonArray, .integer, .decimal, .number: !isRequired
    case .text, .flag, .choice: false
    }
  }
}
