internal import Crypto

/// Computes the digests of entries. It holds scratch space, so that an entry of ordinary size is hashed in one call.
struct EntryHasher: ~Copyable {
  /// The size, in bytes, above which an entry is hashed in place instead of being copied first.
  private static let largeEntry = 64 << 10

  private var canonical: [UInt8] = []

  /// The digests of one entry.
  struct Digests {
    /// The digest over all fields. Two entries under one id are equal exactly when these digests are equal.
    var entry: ContentDigest
    /// The digest over the content, which is all fields but those of ``FieldOrder/delivery``. Two entries with one `event_id` are the same
    /// change exactly when these digests are equal.
    var content: ContentDigest
  }

  /// Computes an entry's digests over its names and values, each preceded by its length in four bytes, little-endian, in the order of the
  /// names. The digest of the entry is computed from the content's digest and the fields outside of the content, so that no byte is hashed
  /// twice; without such fields it equals the content's digest.
  mutating func digests(
    _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ order: FieldOrder, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> Digests {
    let content = hash(fields, order.content, bytes, after: nil)
    return Digests(entry: order.delivery.isEmpty ? content : hash(fields, order.delivery, bytes, after: content), content: content)
  }

  private mutating func hash(
    _ fields: UnsafeBufferPointer<EntryBlock.Field>, _ places: [Int], _ bytes: UnsafeBufferPointer<UInt8>, after first: ContentDigest?
  ) -> ContentDigest {
    let raw = UnsafeRawBufferPointer(bytes)
    let prefix = first?.bytes ?? []
    let size = places.reduce(prefix.count) { $0 + 8 + Int(fields[$1].nameLength) + Int(fields[$1].valueLength) }
    guard size <= Self.largeEntry else {
      var hash = SHA256()
      hash.update(data: prefix)
      for part in places.flatMap({ [fields[$0].name, fields[$0].value] }) {
        withUnsafeBytes(of: UInt32(part.count).littleEndian) { hash.update(bufferPointer: $0) }
        hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: raw[part]))
      }
      return ContentDigest(hash.finalize())
    }
    if canonical.count < size { canonical = [UInt8](repeating: 0, count: 2 * size) }
    return canonical.withUnsafeMutableBytes { canonical in
      canonical.copyBytes(from: prefix)
      var end = prefix.count
      for place in places {
        let field = fields[place]
        end = Self.put(raw[field.name], into: canonical, at: end)
        end = Self.put(raw[field.value], into: canonical, at: end)
      }
      return ContentDigest(of: UnsafeRawBufferPointer(rebasing: canonical[..<end]))
    }
  }

  @inline(__always)
  private static func put(_ part: Slice<UnsafeRawBufferPointer>, into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    target.storeBytes(of: UInt32(part.count).littleEndian, toByteOffset: offset, as: UInt32.self)
    UnsafeMutableRawBufferPointer(rebasing: target[(offset + 4)...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
    return offset + 4 + part.count
  }
}
