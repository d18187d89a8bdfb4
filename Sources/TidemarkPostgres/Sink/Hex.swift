/// bytea in Postgres' hexadecimal text form.
enum Hex {
  static func bytea(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = Array("\\x".utf8)
    append(bytes, to: &output)
    return output
  }

  static func append(_ bytes: some Sequence<UInt8>, to output: inout [UInt8]) {
    for byte in bytes {
      output.append(digit(byte >> 4))
      output.append(digit(byte & 15))
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
