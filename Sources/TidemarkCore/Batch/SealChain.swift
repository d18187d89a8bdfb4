internal import Crypto

/// The chain over all changes of a lane: each link is the SHA-256 of the link before and the change's digest, in the order of
/// `changes.no`. Whoever keeps one link can prove that nothing before it was altered.
package enum SealChain {
  /// Before the first change.
  package static let start: [UInt8] = []

  package static func next(after seal: [UInt8], _ digest: ContentDigest) -> [UInt8] {
    var hash = SHA256()
    hash.update(data: seal)
    hash.update(data: digest.bytes)
    return Array(hash.finalize())
  }
}
