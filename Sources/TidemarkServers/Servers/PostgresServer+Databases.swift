import Foundation

/// What one asks a running Postgres by way of psql.
extension PostgresServer {
  /// Runs SQL as the owner of the database; rows unaligned, columns parted by `|`, no headers. Stops and throws at the first error.
  @discardableResult
  package func psql(_ sql: String) async throws -> String {
    try await instance.psql(sql, url: url)
  }

  /// The same as superuser; in this server's own database unless named.
  @discardableResult
  package func adminPsql(_ sql: String, in name: String? = nil) async throws -> String {
    try await instance.psql(sql, url: url(database: name ?? database, role: "postgres"))
  }

  /// Creates an empty database, owned by a role of the same name that is no superuser; returns its URL.
  package func createDatabase(_ name: String) async throws -> String {
    // Nothing of it is anybody else's: by default every role may connect to every database.
    try await adminPsql(
      """
      do $$ begin
        if not exists (select from pg_roles where rolname = '\(name)') then create role "\(name)" login; end if;
      end $$;
      create database "\(name)" owner "\(name)";
      revoke all on database "\(name)" from public;
      """, in: "postgres")
    return url(database: name, role: name)
  }

  /// Drops a database made by `createDatabase`, its sessions and its role.
  package func dropDatabase(_ name: String) async throws {
    try await adminPsql("drop database if exists \"\(name)\" with (force); drop role if exists \"\(name)\";", in: "postgres")
  }

  /// A libpq URI.
  package func url(database: String, role: String) -> String {
    if instance.options.listensOnLoopback {
      return "postgresql://\(role)@127.0.0.1:\(port)/\(database)"
    }
    // Of all but ASCII's letters and digits: more than a URI asks for, and never too little.
    let plain = CharacterSet(charactersIn: "a"..."z").union(.init(charactersIn: "A"..."Z")).union(.init(charactersIn: "0"..."9"))
    let host = socketDirectory.addingPercentEncoding(withAllowedCharacters: plain) ?? socketDirectory
    return "postgresql://\(role)@/\(database)?host=\(host)&port=\(port)"
  }
}
