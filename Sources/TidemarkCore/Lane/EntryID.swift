/// The id that Redis gives a stream entry: a millisecond and a number within it.
///
/// Ids are ordered as two numbers, never as text: `9-1` comes before `10-0`.
package struct EntryID: Hashable, Comparable, Sendable {
  /// The Unix millisecond.
  package var ms: UInt64
  /// The number within the millisecond.
  package var no: UInt64

  package init(ms: UInt64, no: UInt64) {
    self.ms = ms
    self.no = no
  }

  /// The position before every entry: the cursor of a lane that was never read.
  package static let zero = EntryID(ms: 0, no: 0)
  /// The largest id: no entry is behind it.
  package static let max = EntryID(ms: .max, no: .max)

  /// Whether both numbers fit into Postgres' bigint. Redis' own ids do; explicit ones may not, and then no later id of the stream does. An
  /// entry that does not fit is never applied.
  package var fitsLedger: Bool { ms <= UInt64(Int64.max) && no <= UInt64(Int64.max) }

  /// The numbers as the ledger's bigint columns hold them: a number of 2^63 or more is stored minus 2^64. The SQL function `entry_id`
  /// returns the text.
  package var ledgerMS: Int64 { Int64(bitPattern: ms) }
  package var ledgerNo: Int64 { Int64(bitPattern: no) }

  package init(ledgerMS: Int64, ledgerNo: Int64) {
    self.init(ms: UInt64(bitPattern: ledgerMS), no: UInt64(bitPattern: ledgerNo))
  }

  /// The smallest id that is larger.
  package var successor: EntryID { no == .max ? EntryID(ms: ms == .max ? ms : ms + 1, no: 0) : EntryID(ms: ms, no: no + 1) }

  package static func < (left: EntryID, right: EntryID) -> Bool {
    left.ms == right.ms ? left.no < right.no : left.ms < right.ms
  }

  /// Reads `ms-no`, or `ms` alone (number 0). Returns nil for anything else.
  package init?(_ text: some StringProtocol) {
    self.init(utf8: text.utf8)
  }

  /// Reads `ms-no` from bytes, as Redis writes it. Returns nil for anything else.
  package init?(utf8 bytes: some Sequence<UInt8>) {
    var numbers: (UInt64, UInt64) = (0, 0)
    var isSecond = false
    var digits = 0
    for byte in bytes {
      if byte == UInt8(ascii: "-") {
        guard !isSecond, digits > 0 else { return nil }
        isSecond = true
        digits = 0
        continue
      }
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      let current = isSecond ? numbers.1 : numbers.0
      let (product, overflowed) = current.multipliedReportingOverflow(by: 10)
      let (sum, overflowedAgain) = product.addingReportingOverflow(UInt64(byte - 0x30))
      guard !overflowed, !overflowedAgain else { return nil }
      if isSecond { numbers.1 = sum } else { numbers.0 = sum }
      digits += 1
    }
    guard digits > 0 else { return nil }
    self.init(ms: numbers.0, no: numbers.1)
  }
}

extension EntryID: CustomStringConvertible {
  package var description: String { "\(ms)-\(no)" }
}
