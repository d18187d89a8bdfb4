internal import Synchronization

/// Whether a connection may still be used. The channel handler sets it; any thread may read it. The channel's own `isActive` stays true
/// during TLS's closing handshake.
final class OpenFlag: Sendable {
  private let value = Atomic(true)

  var isOpen: Bool { value.load(ordering: .acquiring) }

  func close() { value.store(false, ordering: .releasing) }
}
