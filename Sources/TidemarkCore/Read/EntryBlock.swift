/// The entries of one reply of Redis, in one run of bytes.
///
/// A value: filled once by the reader, never changed afterwards, shared without copying. Names and values are slices of
/// `bytes`, so an entry costs no allocation of its own.
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

  /// One entry: its id, and which of ``fields`` are its own.
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
    /// Index of the lane in the request that this reply answers.
    package var lane: Int
    /// Indices into ``entries``.
    package var entries: Range<Int>

    package init(lane: Int, entries: Range<Int>) {
      self.lane = lane
      self.entries = entries
    }
  }

  /// A value that was cut to its first bytes because its entry is above `limits.max_entry_bytes`.
  package struct Truncation: Sendable {
    /// Index into ``fields``.
    package var field: Int
    /// Bytes that the whole value has.
    package var length: UInt64
    /// SHA-256 of the whole value.
    package var digest: [UInt8]

    package init(field: Int, length: UInt64, digest: [UInt8]) {
      self.field = field
      self.length = length
      self.digest = digest
    }
  }

  package var bytes: [UInt8] = []
  package var fields: [Field] = []
  package var entries: [Entry] = []
  package var sections: [Section] = []
  /// In the order of ``Truncation/field``.
  package var truncations: [Truncation] = []

  package init() {}

  package func fields(of entry: Entry) -> ArraySlice<Field> {
    fields[Int(entry.firstField)..<Int(entry.firstField) + Int(entry.fieldCount)]
  }

  /// Bytes of the names and values of one entry.
  package func size(of entry: Entry) -> Int {
    fields(of: entry).reduce(0) { $0 + Int($1.nameLength) + Int($1.valueLength) }
  }

  /// What a block of one entry takes beside its bytes: the headers of its arrays, malloc's rounding, its place in the accounting.
  /// Replies that a blocked read wakes with are that small, so leaving it out would understate a slow trickle three times over
  /// (resident memory against this sum, an outage of 60 s under 2,000 changes a second).
  private static let overhead = 512
  /// The same for each section: it waits as a chunk of its lane.
  private static let sectionOverhead = 128

  /// What this block holds in memory, for the accounting of credit.
  package var footprint: Int {
    Self.overhead + bytes.count + fields.count * MemoryLayout<Field>.stride + entries.count * MemoryLayout<Entry>.stride
      + sections.count * Self.sectionOverhead
  }
}
