internal import Crypto

/// The digest of an entry's fields: the first 16 bytes of a SHA-256 (see ``EntryHasher``). Two entries have equal digests exactly when they
/// have equal fields, in whatever order the fields came.
package struct ContentDigest: Hashable, Sendable {
  package var high: UInt64
  package var low: UInt64

  package static let none = ContentDigest(high: 0, low: 0)
  package static let byteCount = 16

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package init(of canonical: UnsafeRawBufferPointer) {
    self.init(SHA256.hash(data: canonical))
  }

  /// Creates a digest from its bytes. Returns nil unless there are ``byteCount`` of them.
  package init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self = bytes.withUnsafeBytes { bytes in
      ContentDigest(
        high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
        low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
  }

  init(_ hash: SHA256.Digest) {
    self = hash.withUnsafeBytes { digest in
      ContentDigest(
        high: UInt64(bigEndian: digest.loadUnaligned(as: UInt64.self)),
        low: UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
  }

  package var bytes: [UInt8] {
    withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
  }
}
