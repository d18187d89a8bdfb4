@testable import TidemarkCore

/// What the servers of one Redis hold: one server, one with a replica, or the masters of a Cluster.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedRedis: @unchecked Sendable {
  /// What a server holds.
  struct Content {
    var streams: [String: SimulatedStream] = [:]
    var marks: [String: DurableMark] = [:]
  }

  struct Node {
    var content = Content()
    /// What its replica has, which may lag behind.
    var replica = Content()
    /// Rises when all connections end.
    var connections = 0
    var isAway = false
  }

  private(set) var nodes: [LaneServer: Node]
  /// Which server holds a lane.
  private(set) var places: [String: LaneServer] = [:]
  let written = ChangeSignal()
  let rearranged = ChangeSignal()
  /// Told of each mark and of each cut, before they take effect.
  var onPublish: (DurableMark) -> Void = { _ in }
  var onTrim: (String, [SimulatedStream.Entry]) -> Void = { _, _ in }

  init(servers: [LaneServer]) {
    nodes = Dictionary(uniqueKeysWithValues: servers.map { ($0, Node()) })
  }

  var servers: [LaneServer] { nodes.keys.sorted { $0.name < $1.name } }

  /// The server of a lane; of a new one by its name.
  func place(of lane: String) -> LaneServer {
    if let place = places[lane] { return place }
    let servers = servers
    let place = servers[Int(CRC16.xmodem(lane.utf8)) % servers.count]
    places[lane] = place
    return place
  }

  /// The server that takes the marks of lanes that are not built in.
  var markServer: LaneServer { servers[0] }

  func stream(_ lane: String) -> SimulatedStream? { nodes[place(of: lane)]?.content.streams[lane] }

  func change<Result>(_ lane: String, _ body: (inout SimulatedStream?) -> Result) -> Result {
    body(&nodes[place(of: lane), default: Node()].content.streams[lane])
  }

  func mark(of lane: String, at server: LaneServer) -> DurableMark? { nodes[server]?.content.marks[lane] }

  // What workers do

  func publish(_ mark: DurableMark, at server: LaneServer) -> SourceError? {
    onPublish(mark)
    let held = nodes[server]?.content.marks[mark.lane]
    if let held, held.incarnation > mark.incarnation {
      return SourceError(.outdated(held.incarnation), "a later incarnation was published")
    }
    if mark.isGone {
      nodes[server]?.content.marks[mark.lane] = nil
    } else if !mark.isSurveyed, held?.isSurveyed != true {
      return SourceError(.unmarked, "there is no mark, or it is of another history")
    } else if held.map({ ($0.incarnation, $0.durable) <= (mark.incarnation, mark.durable) }) ?? true {
      var mark = mark
      mark.isSurveyed = true
      nodes[server]?.content.marks[mark.lane] = mark
    }
    return nil
  }

  func trim(_ cut: TrimCut, at server: LaneServer) -> Int {
    guard let stream = nodes[server]?.content.streams[cut.lane] else { return 0 }
    let gone = stream.entries.filter { $0.id < cut.below }
    onTrim(cut.lane, gone)
    nodes[server]?.content.streams[cut.lane]?.entries.removeFirst(gone.count)
    return gone.count
  }

  func mirror(_ lane: LaneMirror, at server: LaneServer) -> Bool {
    guard let stream = nodes[server]?.content.streams[lane.lane] else { return false }
    if lane.isNew { nodes[server]?.content.streams[lane.lane]?.hasGroup = true }
    return stream.hasGroup || lane.isNew
  }

  // What happens to servers

  func setAway(_ server: LaneServer, _ isAway: Bool) {
    nodes[server]?.isAway = isAway
    if isAway { nodes[server]?.connections += 1 }
    written.raise()
  }

  func endConnections(of server: LaneServer) {
    nodes[server]?.connections += 1
    written.raise()
  }

  func replicate(_ server: LaneServer) { if let content = nodes[server]?.content { nodes[server]?.replica = content } }

  /// The replica takes over, with what it has.
  func failOver(_ server: LaneServer) {
    guard var replica = nodes[server]?.replica else { return }
    for lane in replica.marks.keys { replica.marks[lane]?.isSurveyed = false }
    nodes[server]?.content = replica
    endConnections(of: server)
    rearranged.raise()
  }

  func flush(_ server: LaneServer) { nodes[server]?.content = Content() }

  /// A slot moves, and what it holds with it.
  func move(_ lane: String, to server: LaneServer) {
    let from = place(of: lane)
    guard from != server else { return }
    let stream = nodes[from]?.content.streams.removeValue(forKey: lane)
    nodes[server]?.content.streams[lane] = stream
    if let mark = nodes[from]?.content.marks.removeValue(forKey: lane) { nodes[server]?.content.marks[lane] = mark }
    places[lane] = server
    rearranged.raise()
    written.raise()
  }
}
