/// A failure of the source, classified by what the caller may do about it.
package struct SourceError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// The server is unreachable, timed out, loading, a read-only replica, or out of memory: it passes by itself.
    case unavailable
    /// Another server holds the lane: ask again there.
    case moved
    /// A wrong password, a missing privilege, or an unsupported server: an operator must change something.
    case misconfigured
    /// This lane's key is not a stream or may not be read. The other lanes are not affected.
    case laneRefused(String)
    /// This lane's marks have the id of another installation: nothing of the lane may be published, trimmed or moved.
    case otherInstallation(String)
    /// The mark belongs to an earlier incarnation than this one, which was published last.
    case outdated(Int64)
    /// Redis has no mark that the lane's mark may follow, though it had one: the lane must be compared with its stream first.
    case unmarked
  }

  package var kind: Kind
  /// One line: what, where, and how to fix it. It never holds a secret.
  package var description: String
  /// Whether the server closed the connection instead of answering a read, which may have been too large for it.
  package var isClosedRead = false

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  package var isRetryable: Bool { kind == .unavailable || kind == .moved }
}
