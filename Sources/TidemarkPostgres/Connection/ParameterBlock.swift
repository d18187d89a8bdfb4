internal import CLibPQ
import Glibc

/// The parameters of one statement as libpq takes them, while a closure runs. libpq copies them while sending.
struct ParameterBlock: ~Copyable {
  private(set) var types: [Oid] = []
  private(set) var values: [UnsafePointer<CChar>?] = []
  private(set) var lengths: [Int32] = []
  private(set) var formats: [Int32] = []

  var count: Int32 { Int32(values.count) }

  private init() {}

  static func with<Result>(_ parameters: [PostgresValue], _ body: (borrowing ParameterBlock) throws -> Result) rethrows -> Result {
    var block = ParameterBlock()
    return try pin(parameters[...], &block, body)
  }

  /// Nests a scope for each parameter: what is large is not copied.
  private static func pin<Result>(
    _ parameters: ArraySlice<PostgresValue>, _ block: inout ParameterBlock, _ body: (borrowing ParameterBlock) throws -> Result
  ) rethrows -> Result {
    guard let first = parameters.first else { return try body(block) }
    block.types.append(first.oid)
    switch first {
    case .null:
      block.add(nil, format: 0)
      return try pin(parameters.dropFirst(), &block, body)
    case .binary(let bytes, _):
      // An empty array has no address, and none would mean NULL.
      return try (bytes.isEmpty ? [0] : bytes).withUnsafeBytes { pinned in
        let bytes = UnsafeRawBufferPointer(rebasing: pinned.prefix(bytes.count))
        block.add(bytes, format: 1)
        return try pin(parameters.dropFirst(), &block, body)
      }
    case .text(let bytes):
      // With the NUL that libpq needs behind text.
      return try (bytes + [0]).withUnsafeBytes { bytes in
        block.add(UnsafeRawBufferPointer(rebasing: bytes.dropLast()), format: 0)
        return try pin(parameters.dropFirst(), &block, body)
      }
    }
  }

  private mutating func add(_ bytes: UnsafeRawBufferPointer?, format: Int32) {
    values.append(bytes?.baseAddress?.assumingMemoryBound(to: CChar.self))
    lengths.append(Int32(bytes?.count ?? 0))
    formats.append(format)
  }

  /// Throws what the server would say of text with a NUL: libpq would cut the value there, silently.
  static func check(_ parameters: [PostgresValue], statement: Int? = nil) throws {
    guard parameters.count <= 100 else {
      throw PostgresError(.misuse, "a statement takes at most 100 parameters, not \(parameters.count): send arrays")
    }
    for parameter in parameters {
      // The protocol's messages end at 1 GB; leaves room for the others of the statement to fail in libpq.
      if let bytes = parameter.bytes, bytes.count >= 1 << 30 {
        var error = PostgresError(.server("54000"), "a parameter of \(bytes.count) bytes is too long")
        error.statementIndex = statement
        throw error
      }
      if case .text(let bytes) = parameter, holdsNUL(bytes) {
        var error = PostgresError(.server("22021"), "invalid byte sequence for encoding \"UTF8\": 0x00")
        error.statementIndex = statement
        throw error
      }
    }
  }

  private static func holdsNUL(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return false }
      return memchr(base, 0, buffer.count) != nil
    }
  }
}

extension PostgresValue {
  fileprivate var bytes: [UInt8]? {
    switch self {
    case .null: nil
    case .text(let bytes), .binary(let bytes, _): bytes
    }
  }
}
