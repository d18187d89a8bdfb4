/// Whether Postgres can store bytes as text.
enum TextCheck {
  static func isUTF8(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    let part = UnsafeBufferPointer(rebasing: bytes[range])
    return (try? UTF8Span(validating: part.span)) != nil
  }

  static func hasNUL(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    bytes[range].contains(0)
  }
}
