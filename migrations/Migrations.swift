/// The schema that this binary serves, oldest first.
///
/// A file here is never changed once it was released: what was applied is verified by its checksum.
package enum Migrations {
  package static let all: [(version: Int, name: String, sql: String)] = [
    (1, "ledger", text(PackageResources._001_ledger_sql)),
    (2, "state", text(PackageResources._002_state_sql)),
  ]

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
