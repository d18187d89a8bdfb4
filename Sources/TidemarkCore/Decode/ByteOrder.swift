#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Compares byte strings in the order of Postgres' collation "C".
package enum ByteOrder {
  @inline(__always)
  package static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    if let a = left.baseAddress, let b = right.baseAddress {
      let difference = memcmp(a, b, min(left.count, right.count))
      if difference != 0 { return Int(difference) }
    }
    return left.count - right.count
  }

  @inline(__always)
  package static func compare(_ bytes: UnsafeBufferPointer<UInt8>, _ left: Range<Int>, _ right: Range<Int>) -> Int {
    let raw = UnsafeRawBufferPointer(bytes)
    return compare(UnsafeRawBufferPointer(rebasing: raw[left]), UnsafeRawBufferPointer(rebasing: raw[right]))
  }

  package static func isLess(_ bytes: UnsafeBufferPointer<UInt8>, _ left: Range<Int>, _ right: Range<Int>) -> Bool {
    compare(bytes, left, right) < 0
  }

  package static func isEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ left: Range<Int>, _ right: Range<Int>) -> Bool {
    left.count == right.count && compare(bytes, left, right) == 0
  }

  package static func isEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ slice: Range<Int>, _ text: String) -> Bool {
    slice.count == text.utf8.count && bytes[slice].elementsEqual(text.utf8)
  }
}
