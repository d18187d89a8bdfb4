/// Whose sessions are forgotten.
package struct ErasureSubject: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case session, user, tenant
  }

  package var kind: Kind
  package var name: String

  package init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }
}
