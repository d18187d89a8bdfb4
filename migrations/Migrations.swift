/// The schema's versions, carried inside the binary. Each file is applied once, in order, and never edited once it was released.
package enum Migrations {
  package static let all: [(version: Int, name: String, sql: String)] = [
    (version: 1, name: "ledger", sql: text(PackageResources._001_ledger_sql)),
    (version: 2, name: "state", sql: text(PackageResources._002_state_sql)),
  ]

  private static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
  }
}
