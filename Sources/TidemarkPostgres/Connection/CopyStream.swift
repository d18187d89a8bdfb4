/// The data of a `COPY ... FROM STDIN`, buffered into pieces that libpq takes at once.
///
/// Lives while ``PostgresConnection/copyIn(_:deadline:_:)`` runs, on the connection's thread. However much passes through it, it holds
/// one piece, and libpq one more.
package struct CopyStream: ~Copyable {
  /// Large enough that a system call for each costs nothing, small enough to stay in the processor's cache.
  static let pieceSize = 128 << 10

  private let push: (UnsafeRawBufferPointer) throws -> Void
  private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceSize, alignment: 16)
  private var used = 0

  init(push: @escaping (UnsafeRawBufferPointer) throws -> Void) {
    self.push = push
  }

  deinit {
    piece.deallocate()
  }

  package mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      if used == piece.count { try flush() }
      // What is large goes without a copy of ours.
      if used == 0, rest.count >= piece.count {
        try push(UnsafeRawBufferPointer(rebasing: rest.prefix(piece.count)))
        rest = rest.dropFirst(piece.count)
        continue
      }
      let part = rest.prefix(piece.count - used)
      UnsafeMutableRawBufferPointer(rebasing: piece[used...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
      used += part.count
      rest = rest.dropFirst(part.count)
    }
  }

  package mutating func append(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try append($0) }
  }

  /// Writes `size` bytes, exactly, by a cursor; at most ``pieceSize``.
  mutating func append(size: Int, _ fill: (inout BinaryCursor) -> Void) throws {
    if used + size > piece.count { try flush() }
    guard let base = piece.baseAddress else { return }
    var cursor = BinaryCursor(base + used)
    fill(&cursor)
    used = cursor.target - base
  }

  mutating func flush() throws {
    guard used > 0 else { return }
    try push(UnsafeRawBufferPointer(rebasing: piece[..<used]))
    used = 0
  }
}
