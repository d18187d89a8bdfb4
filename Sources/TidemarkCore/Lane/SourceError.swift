/// A failure of the source, with what the caller may do about it.
package struct SourceError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// Unreachable, timed out, loading, read-only replica, out of memory: it passes by itself.
    case unavailable
    /// Another server holds it: ask again, there.
    case moved
    /// Wrong password, missing privilege, unsupported server: somebody must change something.
    case misconfigured
    /// This lane's key is not a stream or may not be read; the others are fine.
    case laneRefused(String)
    /// This lane's marks bear the id of another installation: nothing of it may be told, trimmed or moved.
    case otherInstallation(String)
    /// A mark of an earlier incarnation than this one, which agents were told of last.
    case outdated(Int64)
  }

  package var kind: Kind
  /// One line: what, where, how to fix it. Never a secret.
  package var description: String
  /// The server closed the connection instead of answering a read, which may have been too large for it.
  package var isClosedRead = false

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  package var isRetryable: Bool { kind == .unavailable || kind == .moved }
}
