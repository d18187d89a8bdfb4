/// A lane's entries within a reply, waiting to be applied.
package struct LaneChunk: Sendable {
  package var block: EntryBlock
  /// Identifies the block, for the accounting of credit.
  package var blockID: Int
  /// Indices into the block's entries.
  package var entries: Range<Int>
  /// The number of bytes of the entries' names and values.
  package var byteCount: Int

  package init(block: EntryBlock, blockID: Int, entries: Range<Int>) {
    self.block = block
    self.blockID = blockID
    self.entries = entries
    byteCount = block.size(of: entries)
  }

  /// Removes entries from the front and returns them: at most `count` of them and `bytes`, but at least one.
  package mutating func split(count: Int, bytes: Int) -> LaneChunk {
    var taken = 0
    var size = 0
    for index in entries.prefix(max(1, count)) {
      let next = block.size(of: block.entries[index])
      if taken > 0, size + next > bytes { break }
      taken += 1
      size += next
    }
    let front = LaneChunk(block: block, blockID: blockID, entries: entries.lowerBound..<entries.lowerBound + taken)
    entries = front.entries.upperBound..<entries.upperBound
    byteCount -= front.byteCount
    return front
  }
}
