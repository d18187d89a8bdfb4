/// A number of bytes, written `512B`, `64KiB`, `8MiB`, `1GiB`, `1TiB` or as plain digits.
package struct ByteCount: Hashable, Comparable, Sendable {
  package var bytes: Int

  package init(_ bytes: Int) {
    self.bytes = bytes
  }

  package static func kibibytes(_ count: Int) -> ByteCount { ByteCount(count << 10) }
  package static func mebibytes(_ count: Int) -> ByteCount { ByteCount(count << 20) }
  package static func gibibytes(_ count: Int) -> ByteCount { ByteCount(count << 30) }

  package static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

  /// The units, largest first. Decimal units (`MB`) are left out, because many people read them as binary.
  private static let units: [(name: String, shift: Int)] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)]

  /// Parses digits with an optional unit; nil for other texts, and for values that do not fit into 63 bits.
  package init?(_ text: some StringProtocol) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, let count = Int(digits) else { return nil }
    let unit = text.dropFirst(digits.count)
    guard let shift = unit.isEmpty ? 0 : Self.units.first(where: { $0.name == unit })?.shift else { return nil }
    let (bytes, overflowed) = count.multipliedReportingOverflow(by: 1 << shift)
    guard !overflowed else { return nil }
    self.bytes = bytes
  }
}

extension ByteCount: CustomStringConvertible {
  /// The number in the largest unit that represents it exactly.
  package var description: String {
    for unit in Self.units where bytes != 0 && bytes % (1 << unit.shift) == 0 {
      return "\(bytes >> unit.shift)\(unit.name)"
    }
    return "\(bytes)B"
  }
}
