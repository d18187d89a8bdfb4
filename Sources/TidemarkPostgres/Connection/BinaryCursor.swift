/// Writes values one behind the other, numbers in network order, into room that the caller has measured.
struct BinaryCursor {
  private(set) var target: UnsafeMutableRawPointer

  init(_ target: UnsafeMutableRawPointer) {
    self.target = target
  }

  @inline(__always)
  mutating func put(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { put($0) }
  }

  @inline(__always)
  mutating func put(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    target.copyMemory(from: base, byteCount: bytes.count)
    target += bytes.count
  }

  // A value in a row or an array: its length, then its bytes; -1 is NULL.

  mutating func putNull() { put(Int32(-1)) }

  @inline(__always)
  mutating func putValue(_ number: some FixedWidthInteger) {
    put(Int32(MemoryLayout.size(ofValue: number)))
    put(number)
  }

  /// A timestamptz: microseconds since 2000 (timestamp.h).
  mutating func putTime(milliseconds: Int64) {
    putValue((milliseconds - 946_684_800_000) * 1000)
  }

  mutating func putValue(_ bytes: UnsafeRawBufferPointer) {
    put(Int32(bytes.count))
    put(bytes)
  }

  /// A jsonb: the version of its format, and the text (jsonb_recv).
  mutating func putJSON(_ text: UnsafeRawBufferPointer) {
    put(Int32(text.count + 1))
    put(UInt8(1))
    put(text)
  }
}
