/// The entries of one reply of Redis, in one array of bytes.
///
/// It is a value: the reader fills it once, it is never changed afterwards, and it is shared without copying. Names and values are slices
/// of `bytes`, so an entry costs no allocation of its own.
package struct EntryBlock: Sendable {
  /// A field name and its value, as offsets into ``bytes``.
  package struct Field: Sendable {
    package var nameStart: UInt32
    package var nameLength: UInt32
    package var valueStart: UInt32
    package var valueLength: UInt32

    package init(nameStart: UInt32, nameLength: UInt32, valueStart: UInt32, valueLength: UInt32) {
      self.nameStart = nameStart
      self.nameLength = nameLength
      self.valueStart = valueStart
      self.valueLength = valueLength
    }

    package var name: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
    package var value: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueLength) }
  }

  /// One entry: its id, and the range of its fields in ``fields``.
  package struct Entry: Sendable {
    package var id: EntryID
    package var firstField: UInt32
    package var fieldCount: UInt32

    package init(id: EntryID, firstField: UInt32, fieldCount: UInt32) {
      self.id = id
      self.firstField = firstField
      self.fieldCount = fieldCount
    }
  }

  /// The entries of one stream within the reply.
  package struct Section: Sendable {
    /// The index of the lane in the request that this reply answers.
    package var lane: Int
    /// Indices into ``entries``.
    package var entries: Range<Int>

    package init(lane: Int, entries: Range<Int>) {
      self.lane = lane
      self.entries = entries
    }
  }

  /// A value that was cut to its first bytes because its entry exceeds `limits.max_entry_bytes`.
  package struct Truncation: Sendable {
    /// The index of the field in ``fields``.
    package var field: Int
    /// The number of bytes of the whole value.
    package var length: UInt64
    /// The SHA-256 of the whole value.
    package var digest: [UInt8]

    package init(field: Int, length: UInt64, digest: [UInt8]) {
      self.field = field
      self.length = length
      self.digest = digest
    }
  }

  /// An entry of which only the first fields were read, because it has more than `limits.max_fields`.
  package struct Oversized: Sendable {
    /// The first field of the entry, which identifies it: ``Entry/firstField``.
    package var firstField: UInt32
    /// The number of fields of the whole entry.
    package var fieldCount = 0
    /// The number of bytes of the names and values that were left out. `restDigest` is the SHA-256 of these fields as Redis sends them.
    package var restBytes: UInt64 = 0
    package var restDigest: [UInt8] = []

    package init(firstField: UInt32) {
      self.firstField = firstField
    }
  }

  package var bytes: [UInt8] = []
  package var fields: [Field] = []
  package var entries: [Entry] = []
  package var sections: [Section] = []
  /// The values that were cut, in the order of ``Truncation/field``.
  package var truncations: [Truncation] = []
  package var oversized: [Oversized] = []

  package init() {}

  package func fields(of entry: Entry) -> ArraySlice<Field> {
    fields[Int(entry.firstField)..<Int(entry.firstField) + Int(entry.fieldCount)]
  }

  /// Returns whether no part of an entry was cut when it was read.
  package func isWhole(_ entry: Entry) -> Bool {
    guard oversized(entry) == nil else { return false }
    guard !truncations.isEmpty else { return true }
    let own = Int(entry.firstField)..<Int(entry.firstField) + Int(entry.fieldCount)
    return !truncations.contains { own.contains($0.field) }
  }

  /// Returns the part that was left out of an entry; nil for an entry within `limits.max_fields`.
  package func oversized(_ entry: Entry) -> Oversized? {
    oversized.isEmpty ? nil : oversized.first { $0.firstField == entry.firstField }
  }

  /// Returns the number of bytes of the names and values of one entry.
  package func size(of entry: Entry) -> Int {
    fields.withUnsafeBufferPointer { Self.size(of: entry, $0) }
  }

  /// Returns the number of bytes of the names and values of these entries, by index.
  package func size(of indices: Range<Int>) -> Int {
    fields.withUnsafeBufferPointer { fields in indices.reduce(0) { $0 + Self.size(of: entries[$1], fields) } }
  }

  /// The memory that the largest entry takes; 0 where there is none.
  package var largestFootprint: Int {
    fields.withUnsafeBufferPointer { fields in
      entries.reduce(0) {
        let own = MemoryLayout<Entry>.stride + Int($1.fieldCount) * MemoryLayout<Field>.stride
        return max($0, own + Self.size(of: $1, fields))
      }
    }
  }

  private static func size(of entry: Entry, _ all: UnsafeBufferPointer<Field>) -> Int {
    size(of: fields(of: entry, all))
  }

  /// Returns the number of bytes of the fields' names and values.
  static func size(of fields: UnsafeBufferPointer<Field>) -> Int {
    var size = 0
    for field in fields { size += Int(field.nameLength) + Int(field.valueLength) }
    return size
  }

  private static func fields(of entry: Entry, _ all: UnsafeBufferPointer<Field>) -> UnsafeBufferPointer<Field> {
    UnsafeBufferPointer(rebasing: all[Int(entry.firstField)..<Int(entry.firstField) + Int(entry.fieldCount)])
  }

  /// Calls `body` with the fields of one entry and the bytes into which they point.
  @inline(__always)
  func withFields<Result>(
    of entry: Entry, _ body: (UnsafeBufferPointer<Field>, UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    fields.withUnsafeBufferPointer { all in bytes.withUnsafeBufferPointer { body(Self.fields(of: entry, all), $0) } }
  }

  /// The memory that a block of one entry takes in addition to its bytes: the headers of its arrays, malloc's rounding, its place in the
  /// accounting. The replies that wake a blocking read are that small, so leaving the overhead out would understate a slow trickle three
  /// times over (resident memory against this sum, an outage of 60 s under 2,000 changes a second).
  private static let overhead = 512
  /// The additional memory of each section, which waits as a chunk of its lane.
  private static let sectionOverhead = 128

  /// The memory that this block takes, for the accounting of credit.
  package var footprint: Int {
    Self.overhead + bytes.count + fields.count * MemoryLayout<Field>.stride + entries.count * MemoryLayout<Entry>.stride
      + sections.count * Self.sectionOverhead
  }
}
