/// Values in binary form, alone and in arrays.
extension PostgresValue {
  /// Bytes before the elements: dimensions, whether there are NULLs, the elements' type, then length and lower bound of the one
  /// dimension (array_recv, arrayfuncs.c).
  private static let headerSize = 20

  /// A value in binary form. `size`: bytes that `fill` writes, exactly; it begins with the value's length, which a parameter has beside it.
  static func binary(of type: BinaryType, size: Int, _ fill: (inout BinaryCursor) -> Void) -> PostgresValue {
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, written in
      guard let base = buffer.baseAddress else { return }
      var cursor = BinaryCursor(base)
      fill(&cursor)
      written = cursor.target - UnsafeMutableRawPointer(base)
    }
    return .binary(Array(bytes.dropFirst(4)), oid: type.oid)
  }

  /// An array in binary form. `size`: bytes that `fill` writes, exactly, its elements' lengths included.
  static func array(of type: BinaryType, count: Int, size: Int, _ fill: (inout BinaryCursor) -> Void) -> PostgresValue {
    let bytes = [UInt8](unsafeUninitializedCapacity: headerSize + size) { buffer, written in
      guard let base = buffer.baseAddress else { return }
      var cursor = BinaryCursor(base)
      for number in count == 0 ? [0, 0, Int32(type.oid)] : [1, 1, Int32(type.oid), Int32(count), 1] { cursor.put(number) }
      fill(&cursor)
      written = cursor.target - UnsafeMutableRawPointer(base)
    }
    return .binary(bytes, oid: type.arrayOID)
  }

  package static func integerArray(_ elements: [Int64?]) -> PostgresValue {
    array(of: .bigint, count: elements.count, size: elements.reduce(0) { $0 + ($1 == nil ? 4 : 12) }) { cursor in
      for element in elements {
        if let element { cursor.putValue(element) } else { cursor.putNull() }
      }
    }
  }

  /// A `bytea[]`: each byte once, however many there are.
  package static func byteaArray(_ elements: [ArraySlice<UInt8>?]) -> PostgresValue { bytes(elements, as: .bytea) }

  /// A `text[]` without quoting: each byte once.
  static func texts(_ elements: [ArraySlice<UInt8>?]) -> PostgresValue { bytes(elements, as: .text) }

  private static func bytes(_ elements: [ArraySlice<UInt8>?], as type: BinaryType) -> PostgresValue {
    array(of: type, count: elements.count, size: elements.reduce(0) { $0 + 4 + ($1?.count ?? 0) }) { cursor in
      for element in elements {
        if let element { element.withUnsafeBytes { cursor.putValue($0) } } else { cursor.putNull() }
      }
    }
  }

  /// An array whose elements are given in the text form of their type: `text[]`, `numeric[]`...
  package static func textArray(_ elements: some Sequence<[UInt8]?>) -> PostgresValue {
    var literal = ArrayLiteral()
    for element in elements {
      if let element { literal.append(element) } else { literal.appendNull() }
    }
    return .text(literal.finish())
  }

  package static func textArray(strings: some Sequence<String?>) -> PostgresValue {
    var literal = ArrayLiteral()
    for string in strings {
      if let string { literal.append(string) } else { literal.appendNull() }
    }
    return .text(literal.finish())
  }
}
