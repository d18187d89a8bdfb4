internal import Crypto

/// The chain over all changes of a lane: each link is the SHA-256 of the previous link and the change's digest, in the order of
/// `changes.no`. A person who keeps one link can prove that nothing before it was altered.
package enum SealChain {
  /// The seal before the first change.
  package static let start: [UInt8] = []

  package static func next(after seal: [UInt8], _ digest: ContentDigest) -> [UInt8] {
    var seal = seal
    extend(&seal, by: digest)
    return seal
  }

  /// Replaces `seal` by the next link. A seal that has the length of a link is overwritten in place.
  static func extend(_ seal: inout [UInt8], by digest: ContentDigest) {
    var hash = SHA256()
    seal.withUnsafeBytes { hash.update(bufferPointer: $0) }
    withUnsafeBytes(of: (digest.high.bigEndian, digest.low.bigEndian)) { hash.update(bufferPointer: $0) }
    let link = hash.finalize()
    if seal.count != SHA256.byteCount { seal = [UInt8](repeating: 0, count: SHA256.byteCount) }
    seal.withUnsafeMutableBytes { target in link.withUnsafeBytes { target.copyMemory(from: $0) } }
  }
}
