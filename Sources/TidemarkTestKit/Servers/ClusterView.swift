/// What one node of a Redis Cluster knows of all, read from its answer to CLUSTER NODES.
struct ClusterView: Equatable {
  /// One node as another sees it.
  struct Node: Equatable {
    let id: String
    let port: Int
    let isMaster: Bool
    let hasFailed: Bool
    /// Of a replica: the id of its master.
    let masterID: String?
    let slots: [ClosedRange<Int>]
  }

  let nodes: [Node]

  init(_ text: String) {
    nodes = text.split(separator: "\n").compactMap { Node(line: $0) }
  }

  /// Who holds which slots. Nodes that agree on it route alike.
  var owners: [String: [ClosedRange<Int>]] {
    Dictionary(uniqueKeysWithValues: nodes.filter { !$0.slots.isEmpty }.map { ($0.id, $0.slots) })
  }

  func owner(of slot: Int) -> Node? {
    nodes.first { $0.slots.contains { $0.contains(slot) } }
  }
}

extension ClusterView.Node {
  /// `ID HOST:PORT@BUS FLAGS MASTER PING PONG EPOCH LINK SLOT SLOT-SLOT [SLOT->-ID]`
  init?(line: Substring) {
    let words = line.split(separator: " ")
    guard words.count >= 8, let port = words[1].split(separator: "@").first?.split(separator: ":").last.flatMap({ Int($0) }) else {
      return nil
    }
    let flags = words[2].split(separator: ",")
    id = String(words[0])
    self.port = port
    isMaster = flags.contains("master")
    hasFailed = flags.contains("fail") || flags.contains("fail?")
    masterID = words[3] == "-" ? nil : String(words[3])
    // A slot that is half moved stands there in brackets, too.
    slots = words.dropFirst(8).filter { !$0.hasPrefix("[") }.compactMap { word in
      let bounds = word.split(separator: "-").compactMap { Int($0) }
      guard let first = bounds.first, let last = bounds.last else { return nil }
      return first...last
    }
  }
}
