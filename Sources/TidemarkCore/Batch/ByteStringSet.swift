/// A set of byte strings, numbered in the order in which they were first inserted. All strings share one allocation.
///
/// The set uses Swift's seeded hash, so that a producer who chooses the strings can't make them collide.
package struct ByteStringSet: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var ends: [Int] = []
  /// The open-addressing hash table: each slot holds a string's number, or -1. Its size is a power of two, and it is at most half full.
  private var slots: [Int32] = []

  package init() {}

  package var count: Int { ends.count }

  /// Returns the range of a string in ``bytes``.
  package subscript(number: Int) -> Range<Int> {
    (number == 0 ? 0 : ends[number - 1])..<ends[number]
  }

  package mutating func insert(_ string: UnsafeRawBufferPointer) -> (number: Int, isNew: Bool) {
    if 2 * (ends.count + 1) > slots.count { grow() }
    let slot = self.slot(of: string)
    if slots[slot] >= 0 { return (Int(slots[slot]), false) }
    slots[slot] = Int32(ends.count)
    bytes.append(contentsOf: string)
    ends.append(bytes.count)
    return (ends.count - 1, true)
  }

  package func contains(_ string: UnsafeRawBufferPointer) -> Bool {
    !slots.isEmpty && slots[slot(of: string)] >= 0
  }

  package mutating func removeAll() {
    self = ByteStringSet()
  }

  /// Returns, for each string, its rank in the order of Postgres' collation "C".
  package func ranks() -> [Int32] {
    let sorted = bytes.withUnsafeBufferPointer { bytes in
      ends.indices.sorted { ByteOrder.isLess(bytes, self[$0], self[$1]) }
    }
    var ranks = [Int32](repeating: 0, count: sorted.count)
    for (rank, number) in sorted.enumerated() { ranks[number] = Int32(rank) }
    return ranks
  }

  /// Returns the slot that holds the string, or the free slot where it must be stored.
  private func slot(of string: UnsafeRawBufferPointer) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: string)
    let mask = slots.count - 1
    var slot = hasher.finalize() & mask
    while slots[slot] >= 0, !isEqual(Int(slots[slot]), string) { slot = (slot + 1) & mask }
    return slot
  }

  private func isEqual(_ number: Int, _ string: UnsafeRawBufferPointer) -> Bool {
    let range = self[number]
    guard range.count == string.count else { return false }
    return bytes.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[range]).elementsEqual(string) }
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: max(64, 2 * slots.count))
    bytes.withUnsafeBytes { bytes in
      for number in ends.indices { slots[slot(of: UnsafeRawBufferPointer(rebasing: bytes[self[number]]))] = Int32(number) }
    }
  }
}
