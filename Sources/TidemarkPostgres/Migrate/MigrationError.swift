/// Why a schema can't be migrated or judged.
package struct MigrationError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// An applied migration is not the one that this binary carries.
    case checksumChanged(version: Int)
    /// The schema was made by a newer binary.
    case newer(version: Int)
    /// A version below the newest is applied that this binary doesn't know.
    case unknownVersion(Int)
    /// The list of migrations is not ascending, or holds a version twice.
    case misordered
    /// Another migration holds the lock.
    case locked
    /// A privilege is missing.
    case refused
    /// A migration's SQL failed and was rolled back.
    case failed(version: Int)
    /// Postgres failed otherwise.
    case postgres
  }

  package var kind: Kind
  /// One line: what, where, how to fix it. Never a secret.
  package var description: String
  package var underlying: PostgresError?

  package init(_ kind: Kind, _ description: String, underlying: PostgresError? = nil) {
    self.kind = kind
    self.description = description
    self.underlying = underlying
  }

  package var isRetryable: Bool {
    switch kind {
    case .locked: true
    case .failed, .postgres: underlying?.isRetryable ?? false
    default: false
    }
  }
}
