/// The source of changes: the streams of one Redis, or of a Cluster whose servers each hold some of them.
///
/// A call that names lanes of several servers fails when one of the servers does. A caller that wants the other lanes to go on must make
/// one call for each server.
///
/// Every method may be called again after it threw: none of them changes what another call returns, apart from ``publish(_:over:)``, which
/// only moves marks forward. A call after a lost connection connects again; the caller decides how long to wait between attempts. All
/// methods throw ``SourceError``.
package protocol LaneSource: Sendable {
  /// Returns the server that holds each of these lanes, as far as is known, without a request to a server where possible.
  func servers(of lanes: [String]) async throws -> [LaneServer]

  /// Returns when ``servers(of:)`` may return another result than before, or when another server may have taken a name. Never returns for a
  /// server that is always the same; a cancelled call throws.
  func rearranged() async throws

  /// The most lanes of one server that a blocking read may name.
  var blockingLanes: Int { get }

  /// The executor on which a task should run that calls ``read(_:)`` repeatedly, so that a call changes no thread; nil where any will do. A
  /// call must not block it.
  var readers: (any TaskExecutor)? { get }

  /// The executor on which a task should run that calls ``publish(_:over:)`` repeatedly; nil where any will do. A call must not block it.
  var publishers: (any TaskExecutor)? { get }

  /// Returns the entries after each lane's position, at most `count` for each lane, waiting up to `block` for the first.
  func read(_ request: LaneReadRequest) async throws -> LaneReadReply

  /// Returns the state of each of these lanes, in the given order, for uses in which concurrent reads and writes do not matter.
  func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation]

  /// Returns the state of each of these lanes, each at one moment, with the entry at its cursor. The call is ordered with reads: it follows
  /// the reads that were requested before, and precedes the later ones.
  func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation]

  /// Returns a number for the present connection for reads. Another number means that another server may be behind the connection.
  func readConnection(to server: LaneServer) -> Int

  /// Observes lanes as ``observe(_:)`` does, but over the connection for writes to a server, and returns which connection that was. Writes
  /// that depend on the result must go over that connection: the calls that take it throw where there is another one by now.
  func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams

  /// Returns the connection for writes to a server; nil where there is none at the moment.
  func writeConnection(to server: LaneServer) -> WriteConnection?

  /// The name of the consumer group that mirrors cursors.
  var groupName: String { get }

  /// Moves each lane's consumer group, for standard tools, to a cursor. A missing group is created only where that is requested, because
  /// its absence shows that a stream was replaced.
  ///
  /// - Returns: the lanes that have the group then. A stream that does not exist has none.
  /// - Throws: ``SourceError``, also where the user may use the group on none of the lanes.
  func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String>

  /// Removes each lane's entries below an id. Returns the number of removed entries, or why a lane is refused.
  func trim(_ cuts: [TrimCut], over connection: WriteConnection) async throws -> [Result<Int, SourceError>]

  /// Forgets the rejected entries of built-in lanes that are below an id and so were trimmed. Each call covers a part of what is kept for
  /// each lane, and the next call the next part. Other lanes are left out.
  func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws

  /// Raises the minimum id of a stream, so that later ids are above it, where the stream exists, its marks have no other installation's id,
  /// and the user has the right. Returns whether later ids are above it.
  func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool

  /// Returns the number of entries that a stream holds after one id and up to another. It reads them all, which is meant for the rare start
  /// in the middle.
  func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64

  /// Returns the names of existing streams that match a glob pattern. Keys of other types are left out.
  func discover(_ pattern: String) async throws -> [String]

  /// Waits until keys are written whose names begin with one of these prefixes, and returns the names of all such keys since the last call.
  /// The first call begins to listen and returns ``ChangedLanes/any`` at once, and so does the first call after a throw or with other
  /// prefixes. No prefix may begin with another. A cancelled call ends the listening.
  func changedLanes(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes

  /// Returns the server to which the marks of each of these lanes are published: mostly the lane's own.
  func markServers(of lanes: [String]) async throws -> [LaneServer]

  /// Returns the mark that was published last for each of these lanes; nil where none was.
  func marks(of lanes: [String]) async throws -> [DurableMark?]

  /// Publishes marks to agents. A mark never moves back within one incarnation.
  ///
  /// - Parameter connection: the connection of the lanes; nil where the marks go to another server.
  /// - Returns: the lanes whose marks could not be written, because the key is not as expected, or because a later incarnation was
  ///   published (``SourceError/Kind/outdated(_:)``).
  func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError]

  /// Publishes the pressure of lanes, and until when it is valid, on Redis' clock in Unix milliseconds. Lanes that are not built in are
  /// left out. Returns the lanes whose pressure could not be written, as ``publish(_:over:)`` does.
  func publishPressure(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError]

  /// Returns the used memory of the server that holds a lane, divided by `maxmemory`; nil where there is no limit, or where the server does
  /// not report it.
  func memoryShare(beside lane: String) async throws -> Double?

  /// Returns the clock, in Unix milliseconds, of the server that holds a lane.
  func currentMilliseconds(beside lane: String) async throws -> UInt64
}

/// Implements the methods for one server that is always the same.
extension LaneSource {
  package func servers(of lanes: [String]) async throws -> [LaneServer] { lanes.map { _ in .only } }

  package func rearranged() async throws { try await neverRearranged() }

  /// Waits until the task is cancelled, because no other event can resume it.
  package func neverRearranged() async throws {
    let (never, end) = AsyncStream<Never>.makeStream()
    defer { end.finish() }
    for await _ in never {}
    throw CancellationError()
  }

  package var blockingLanes: Int { ReadPlan.Pace().blockingLanes }

  package func writeConnection(to server: LaneServer) -> WriteConnection? { WriteConnection(server: server, number: 0) }

  /// Observes lanes over a connection that is always the same.
  package func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams {
    ObservedStreams(connection: WriteConnection(server: server, number: 0), observations: try await observe(lanes))
  }

  package func markServers(of lanes: [String]) async throws -> [LaneServer] { try await servers(of: lanes) }
}

extension LaneSource {
  /// Returns items grouped by the server that holds their lane, in the order of each group's first item.
  package func byServer<Item>(_ items: [Item], lane: (Item) -> String) async throws -> [(server: LaneServer, items: [Item])] {
    var groups: [(server: LaneServer, items: [Item])] = []
    var places: [LaneServer: Int] = [:]
    for (item, server) in zip(items, try await servers(of: items.map(lane))) {
      if let place = places[server] {
        groups[place].items.append(item)
      } else {
        places[server] = groups.count
        groups.append((server, [item]))
      }
    }
    return groups
  }
}
