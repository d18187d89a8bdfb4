internal import Glibc

/// Decides whether Postgres can store bytes as text.
enum TextCheck {
  /// Returns whether all names and values of an entry are UTF-8 without a NUL, checking them in one pass. Also returns false where they are
  /// not next to each other.
  static func areStorable(_ fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = fields.first, let last = fields.last, first.nameStart <= last.value.upperBound else { return false }
    let whole = first.name.lowerBound..<last.value.upperBound
    for field in fields {
      for part in [field.name, field.value] {
        guard whole.lowerBound <= part.lowerBound, part.upperBound <= whole.upperBound else { return false }
        // A part of valid UTF-8 is valid itself, unless it begins or ends in the middle of a character. A part ends where the next one
        // begins, or at a gap, or at the end of the whole.
        if part.lowerBound < bytes.count, bytes[part.lowerBound] & 0xC0 == 0x80 { return false }
        if part.upperBound < whole.upperBound, bytes[part.upperBound] & 0xC0 == 0x80 { return false }
      }
    }
    return isUTF8(bytes, whole) && !hasNUL(bytes, whole)
  }

  static func isUTF8(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    let part = UnsafeBufferPointer(rebasing: bytes[range])
    return (try? UTF8Span(validating: part.span)) != nil
  }

  static func hasNUL(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    // `contains` is not used: a debug build calls it byte by byte, which takes seconds for a large value.
    let part = UnsafeBufferPointer(rebasing: bytes[range])
    return part.baseAddress.map { memchr($0, 0, part.count) != nil } ?? false
  }
}
