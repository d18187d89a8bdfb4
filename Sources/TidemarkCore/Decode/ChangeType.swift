/// A kind of change: which fields it has, and what must hold between them.
package struct ChangeType: Sendable {
  /// What must hold between fields.
  package enum Rule: Sendable, Equatable {
    /// At least one of these fields is given.
    case anyOf([String])
    /// These fields are required unless that one is given.
    case unless(String, required: [String])
  }

  package var name: String
  package var fields: [FieldRule]
  package var rules: [Rule]
  /// Fields that begin with this are one JSON value each, any number of them.
  package var jsonPrefix: String?
  /// Which fields the audit trail keeps, because no other table holds them unchanged.
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
