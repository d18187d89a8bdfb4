import Foundation

/// The programs of one PostgreSQL installation.
package struct PostgresPrograms: Sendable {
  let initdb: Program
  let postgres: Program
  package let psql: Program
  let basebackup: Program

  /// On PATH, else the highest version below /usr/lib/postgresql.
  package static func find() throws -> PostgresPrograms {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let folders = versions.compactMap { Int($0) }.sorted(by: >).map { "\(root)/\($0)/bin" }
    return PostgresPrograms(
      initdb: try Program.find(["initdb"], in: folders, package: "postgresql"),
      postgres: try Program.find(["postgres"], in: folders, package: "postgresql"),
      psql: try Program.find(["psql"], in: folders, package: "postgresql-client"),
      basebackup: try Program.find(["pg_basebackup"], in: folders, package: "postgresql-client"))
  }
}
