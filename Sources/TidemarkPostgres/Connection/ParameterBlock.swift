internal import CLibPQ
import Glibc

/// The parameters of one statement as libpq takes them. libpq copies them while sending.
struct ParameterBlock: ~Copyable {
  let types: [Oid]
  let values: [UnsafePointer<CChar>?]
  let lengths: [Int32]
  let formats: [Int32]
  private let arena: UnsafeMutablePointer<UInt8>

  var count: Int32 { Int32(values.count) }

  /// Copies the values, each with the NUL that libpq needs behind text.
  init(_ parameters: [PostgresValue]) {
    let size = parameters.reduce(1) { $0 + ($1.bytes?.count ?? 0) + 1 }
    arena = .allocate(capacity: size)
    var types: [Oid] = []
    var values: [UnsafePointer<CChar>?] = []
    var lengths: [Int32] = []
    var formats: [Int32] = []
    var next = arena
    for parameter in parameters {
      types.append(parameter.oid)
      if case .binary = parameter { formats.append(1) } else { formats.append(0) }
      guard let bytes = parameter.bytes else {
        values.append(nil)
        lengths.append(0)
        continue
      }
      bytes.withUnsafeBufferPointer { source in
        if let base = source.baseAddress { next.initialize(from: base, count: source.count) }
      }
      (next + bytes.count).initialize(to: 0)
      values.append(UnsafeRawPointer(next).assumingMemoryBound(to: CChar.self))
      lengths.append(Int32(bytes.count))
      next += bytes.count + 1
    }
    self.types = types
    self.values = values
    self.lengths = lengths
    self.formats = formats
  }

  deinit {
    arena.deallocate()
  }

  /// Throws what the server would say of text with a NUL: libpq would cut the value there, silently.
  static func check(_ parameters: [PostgresValue], statement: Int? = nil) throws {
    guard parameters.count <= Int(PQ_QUERY_PARAM_MAX_LIMIT) else {
      throw PostgresError(.misuse, "a statement takes at most \(PQ_QUERY_PARAM_MAX_LIMIT) parameters, not \(parameters.count)")
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
