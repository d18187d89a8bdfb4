internal import TidemarkPostgres

/// What keeps `migrate --roles` from doing its work, and who helps.
extension Finding {
  private static let subject = "postgres.roles"

  /// - Parameter role: one that owns the schema or something in it.
  init(ofOwner role: String, schema: String) {
    self.init(
      .problem, Self.subject, "the role \(role) owns the schema \(schema) or is the one that migrates: it has all rights, and keeps them",
      hint: "name another one with --worker-role or --reader-role")
  }

  /// Nil where the plans need nothing that this role may not do.
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
