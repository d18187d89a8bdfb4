internal import Synchronization

/// Whether a connection may still be used: set by the channel handler, read from any thread. The channel's own
/// `isActive` stays true while TLS says goodbye.
final class OpenFlag: Sendable {
  private let value = Atomic(true)

  var isOpen: Bool { value.load(ordering: .acquiring) }

  func close() { value.store(false, ordering: .releasing) }
}
