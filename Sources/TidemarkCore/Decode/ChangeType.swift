/// A type of change: its fields, and the rules between them.
package struct ChangeType: Sendable {
  /// A rule between the fields of one change.
  package enum Rule: Sendable, Equatable {
    /// At least one of these fields must be given.
    case anyOf([String])
    /// The `required` fields must be given unless the first field is given.
    case unless(String, required: [String])
  }

  package var name: String
  package var fields: [FieldRule]
  package var rules: [Rule]
  /// The prefix of fields of which each holds one JSON value. A change may have any number of them.
  package var jsonPrefix: String?
  /// The fields that the audit trail keeps because no other table holds them unchanged.
  package enum Kept: Sendable, Equatable {
    case none, extras, all
  }

  package var kept: Kept

  package init(_ name: String, _ fields: [FieldRule], rules: [Rule] = [], jsonPrefix: String? = nil, kept: Kept = .none) {
    self.name = name
    self.fields = fields
    self.rules = rules
    self.jsonPrefix = jsonPrefix
    self.kept = kept
  }
}
