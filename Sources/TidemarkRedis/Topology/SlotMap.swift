internal import TidemarkCore

/// The node that holds each slot of a Cluster, as reported by one node.
struct SlotMap: Sendable, Equatable {
  static let slotCount = 16_384

  /// The masters that hold slots.
  private(set) var nodes: [RedisNode] = []
  /// The holder of each slot, as an index into ``nodes``; -1 if the slot has none.
  private var holders = [Int16](repeating: -1, count: SlotMap.slotCount)

  init() {}

  /// Parses the reply to `CLUSTER SLOTS`.
  ///
  /// - Parameter asked: the node that replied, which may not know its own address.
  init(_ reply: RedisReply, asked: RedisNode) throws(RedisError) {
    guard let ranges = try reply.orThrow().elements else { throw Self.malformed }
    var held: [(node: RedisNode, slots: ClosedRange<Int>)] = []
    for range in ranges {
      guard let parts = range.elements, parts.count >= 3, let first = parts[0].number, let last = parts[1].number,
        0 <= first, first <= last, last < Self.slotCount, let master = parts[2].elements, master.count >= 2, let port = master[1].number
      else { throw Self.malformed }
      let host = master[0].text.flatMap { $0.isEmpty || $0 == "?" ? nil : $0 } ?? asked.host
      held.append((RedisNode(host: host, port: Int(port)), Int(first)...Int(last)))
    }
    // The nodes are sorted, because each node reports them in another order, and the maps must be equal.
    nodes = Set(held.map(\.node)).sorted { ($0.host, $0.port) < ($1.host, $1.port) }
    let places = Dictionary(uniqueKeysWithValues: zip(nodes, Int16(0)...))
    for (node, slots) in held {
      for slot in slots { holders[slot] = places[node] ?? -1 }
    }
  }

  private static var malformed: RedisError {
    RedisError(.malformedReply, "the reply to CLUSTER SLOTS is not ranges of slots with their nodes")
  }

  /// Returns the holder of a key; nil while its slot has none.
  func node(of key: String) -> RedisNode? {
    let holder = holders[Self.slot(of: key)]
    return holder < 0 ? nil : nodes[Int(holder)]
  }

  /// Returns the slot of a key by the specification of the Cluster protocol: if the key has a non-empty `{...}`, only the text between the
  /// first braces counts.
  static func slot(of key: String) -> Int {
    let bytes = key.utf8
    var hashed = bytes[...]
    if let open = bytes.firstIndex(of: UInt8(ascii: "{")) {
      let behind = bytes.index(after: open)
      if let close = bytes[behind...].firstIndex(of: UInt8(ascii: "}")), close > behind { hashed = bytes[behind..<close] }
    }
    return Int(CRC16.xmodem(hashed)) % slotCount
  }
}
