internal import TidemarkPostgres

/// The findings that stop `migrate --roles`, each with its remedy.
extension Finding {
  private static let subject = "postgres.roles"

  /// - Parameter role: a role that owns the schema or an object in it.
  init(ofOwner role: String, schema: String) {
    self.init(
      .problem, Self.subject, "the role \(role) owns the schema \(schema) or is the one that migrates: it has all rights, and keeps them",
      hint: "name another one with --worker-role, --reader-role or --eraser-role")
  }

  /// Creates the finding for a role that may not run the plans; nil if it may.
  init?(_ administrator: RoleSetup.Administrator, _ plans: [RolePlan], schema: String) {
    if let owner = administrator.otherOwner, plans.contains(where: { !$0.grants.isEmpty }) {
      self.init(
        .problem, Self.subject, "the role \(administrator.role) may not grant rights on the schema \(schema), which belongs to \(owner)",
        hint: "connect as \(owner)")
      return
    }
    let creations = administrator.mayCreateRoles ? [] : plans.compactMap(\.creation)
    let connections = administrator.ownsDatabase ? [] : plans.compactMap(\.connection)
    let lacks = [
      creations.isEmpty ? nil : "may not create roles (it has no CREATEROLE)",
      connections.isEmpty ? nil : "does not own the database \(administrator.database)",
    ]
    guard !creations.isEmpty || !connections.isEmpty else { return nil }
    self.init(
      .problem, Self.subject, "the role \(administrator.role) \(lacks.compactMap(\.self).joined(separator: " and "))",
      hint: "have an administrator run: \((creations + connections).joined(separator: "; ")); then run `tidemark migrate --roles` again")
  }
}
