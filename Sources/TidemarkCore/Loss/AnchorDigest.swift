internal import Crypto

/// The digest of an entry's bytes: the first 16 bytes of a SHA-1. Two entries have equal digests exactly when they have the same names and
/// values in the same order.
///
/// The ledger keeps the digest of the cursor's entry, the anchor, to recognise a stream. It is computed from the bytes as they came: it
/// depends on no rule of decoding and on no setting, so that dead letters have a digest, too, and a changed setting changes no digest.
/// Redis computes the same digest in a script (`ObservationScript`), where SHA-1 is the only hash.
package struct AnchorDigest: Hashable, Sendable {
  package static let byteCount = 16
  /// The size above which an entry has no digest, and only its presence is compared. Redis does nothing else while it computes a digest.
  package static let most = (bytes: 256 << 10, fields: 1_000)

  private var high: UInt64
  private var low: UInt64

  /// Creates a digest from its bytes. Returns nil unless there are ``byteCount`` of them.
  package init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    (high, low) = bytes.withUnsafeBytes {
      (UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)), UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
  }

  /// Creates a digest from the hexadecimal digits of a SHA-1. Returns nil for anything else.
  package init?(hex: String) {
    guard let bytes = Hex.bytes(hex.utf8), bytes.count == Insecure.SHA1.byteCount else { return nil }
    self.init(bytes: Array(bytes.prefix(Self.byteCount)))
  }

  /// Computes the digest of an entry. Returns nil for an entry that is too large for a digest, or was cut when it was read.
  package init?(of entry: EntryBlock.Entry, in block: EntryBlock) {
    guard entry.fieldCount <= Self.most.fields, block.isWhole(entry), block.size(of: entry) <= Self.most.bytes else { return nil }
    var hash = Insecure.SHA1()
    block.withFields(of: entry) { fields, bytes in
      for part in fields.lazy.flatMap({ [$0.name, $0.value] }) {
        hash.update(data: Array("\(part.count):".utf8))
        hash.update(bufferPointer: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[part])))
      }
    }
    self.init(bytes: Array(hash.finalize().prefix(Self.byteCount)))
  }

  package var bytes: [UInt8] { withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) } }
}
