package import TidemarkCore

/// What makers of odd inputs ask for again and again.
extension SeededGenerator {
  package mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

  /// Some of the bytes; empty where there are none.
  package mutating func range(in bytes: [UInt8]) -> Range<Int> {
    let start = below(bytes.count + 1)
    return start..<start + below(bytes.count - start + 1)
  }

  /// One small damage, of the kinds that a broken writer, a broken network and an attacker make. `tokens`: what the format at hand is made of.
  package mutating func damage(_ bytes: inout [UInt8], tokens: [[UInt8]]) {
    let place = below(bytes.count + 1)
    switch below(7) {
    case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(below(8)) }
    case 1: if place < bytes.count { bytes[place] = one(of: [0, 1, 0x0A, 0x0D, 0x7F, 0x80, 0xC0, 0xF4, 0xFF]) }
    case 2: bytes.insert(contentsOf: one(of: tokens), at: place)
    case 3: bytes.removeSubrange(range(in: bytes).prefix(1 + below(16)))
    case 4: bytes.removeLast(bytes.count - place)
    case 5:
      let copied = Array(bytes[range(in: bytes).prefix(64)])
      bytes.insert(contentsOf: copied, at: place)
    default:
      let token = one(of: tokens)
      let end = min(bytes.count, place + token.count)
      bytes.replaceSubrange(place..<end, with: token)
    }
  }
}
