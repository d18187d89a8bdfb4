/// A change of a session, before it is written.
package struct SessionChange: Sendable, Equatable {
  package var type: String
  /// Names and values alternating.
  package var fields: [String]

  package init(type: String, fields: [String]) {
    self.type = type
    self.fields = fields
  }
}
