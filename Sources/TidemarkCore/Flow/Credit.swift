/// Counts the bytes that are read and not yet committed, to compare them with a limit.
///
/// A block is held as long as one of its entries is: the entries of one reply share their bytes.
package struct Credit: Sendable {
  private struct Held: Sendable {
    var entries: Int
    var footprint: Int
  }

  private var blocks: [Int: Held] = [:]
  package private(set) var used = 0

  package init() {}

  package func available(of limit: Int) -> Int { limit - used }

  package mutating func hold(block id: Int, entries: Int, footprint: Int) {
    guard entries > 0 else { return }
    blocks[id] = Held(entries: entries, footprint: footprint)
    used += footprint
  }

  package mutating func release(block id: Int, entries: Int) {
    guard var held = blocks[id] else { return }
    held.entries -= entries
    if held.entries <= 0 {
      blocks[id] = nil
      used -= held.footprint
    } else {
      blocks[id] = held
    }
  }
}
