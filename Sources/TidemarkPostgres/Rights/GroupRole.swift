/// A role without a login that holds the rights of one kind of work, to be granted to those who log in.
package struct GroupRole: Sendable, Equatable {
  /// As it is created, not quoted.
  package var name: String
  /// What its members do with the schema.
  package var use: SchemaUse

  package init(name: String, use: SchemaUse) {
    self.name = name
    self.use = use
  }
}

/// What a database has of a ``GroupRole``: which rights on the schema were granted to it, by the owners of the objects.
package struct GrantedRights: Sendable, Equatable {
  /// Whether the role is there.
  package var exists = false
  /// `USAGE` and `CREATE`.
  package var onSchema: Set<String> = []
  /// Rights on tables, views and sequences, by name; those on single columns among them.
  package var onTables: [String: Set<String>] = [:]
  /// Rights on whole tables and views.
  package var onWholeTables: [String: Set<String>] = [:]
  /// Signatures of functions that it may execute by a grant of its own.
  package var onFunctions: Set<String> = []
  /// Signatures of functions, by name, that not everybody may execute.
  package var closedFunctions: [String: Set<String>] = [:]
  /// Whether the role, or everybody, may connect to the database.
  package var mayConnect = true

  package init() {}
}
