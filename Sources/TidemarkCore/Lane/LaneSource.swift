/// Where changes come from: the streams of one Redis, or of a Cluster, whose servers each hold some of them.
///
/// A call that names lanes of several servers fails when one of them does: whoever wants the others to go on asks for each server's by itself.
///
/// Every method may be called again after it threw: none of them changes what another call returns, apart from
/// ``publish(_:over:)``, which only moves marks forward. A call after a lost connection connects again by itself; waiting
/// between attempts is the caller's decision. All of them throw ``SourceError``.
package protocol LaneSource: Sendable {
  /// Which server holds each of these lanes, as far as is known. Names servers, asks none where that can be helped.
  func servers(of lanes: [String]) async throws -> [LaneServer]

  /// Returns when ``servers(of:)`` may answer something else than before, or when the server behind its name may be another one.
  /// Never for a server that is always the same; a cancelled call throws.
  func rearranged() async throws

  /// How many lanes of one server a read may name that waits.
  var blockingLanes: Int { get }

  /// Where a task had best run that calls ``read(_:)`` again and again, so that a call changes no thread; nil: anywhere. It must not block.
  var readers: (any TaskExecutor)? { get }

  /// The same for ``publish(_:over:)``.
  var publishers: (any TaskExecutor)? { get }

  /// Entries after each lane's position, at most `count` a lane, waiting up to `block` for the first.
  func read(_ request: LaneReadRequest) async throws -> LaneReadReply

  /// What Redis says of each of these lanes, in the order asked, while it does not matter what is read or written meanwhile.
  func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation]

  /// What Redis says of each of these lanes, each at one moment, with the entry at its cursor. Follows the reads that were asked before and
  /// precedes those that are asked later.
  func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation]

  /// Tells the connection for reads from those before: another server may be behind a new one.
  func readConnection(to server: LaneServer) -> Int

  /// The same over the connection for writes to a server, and which connection that was. What is decided by it is written over that one: the
  /// calls that take it throw where there is another by now.
  func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams

  /// The connection for writes to a server; nil where there is none at the moment.
  func writeConnection(to server: LaneServer) -> WriteConnection?

  /// The consumer group that mirrors cursors.
  var groupName: String { get }

  /// Moves each lane's consumer group, which standard tools look at, to a cursor. One that is missing is made only where that is wanted:
  /// its absence tells something. Answers the lanes that have it then: a stream that does not exist has none. Throws where the user has it for
  /// none of them.
  func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String>

  /// Removes each lane's entries below an id. Answers how many went, or why a lane is refused.
  func trim(_ cuts: [TrimCut], over connection: WriteConnection) async throws -> [Result<Int, SourceError>]

  /// Forgets which entries of built-in lanes were rejected that are below an id and so were trimmed. Looks at a part of what is kept of each
  /// lane; the next call goes on with the next part. Other lanes are left out.
  func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws

  /// Makes sure that ids to come are above one, where the stream exists, its marks bear no other installation's id, and the user has the right.
  /// Answers whether they are.
  func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool

  /// How many entries a stream holds after one id and up to another. Reads them all: for the rare start in the middle.
  func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64

  /// Names of existing streams that match a glob pattern. Keys of other types are left out.
  func discover(_ pattern: String) async throws -> [String]

  /// Waits until keys are written whose names begin with one of these, and answers the names of all that were since the last call. The
  /// first call begins to listen and answers ``ChangedLanes/any`` at once, and so does the first one after a throw or with other
  /// prefixes. No prefix may begin with another. A cancelled call ends the listening.
  func rings(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes

  /// Which server takes the marks of each of these lanes: mostly the lane's own.
  func markServers(of lanes: [String]) async throws -> [LaneServer]

  /// What agents were told of each of these lanes last; nil where they were told nothing.
  func marks(of lanes: [String]) async throws -> [DurableMark?]

  /// Tells agents what is durable. A mark never moves back within one incarnation.
  ///
  /// - Parameter connection: nil where the marks go to another server than their lanes'.
  /// - Returns: the lanes whose marks could not be written, because the key is not what it should be, or because Redis was told of a later
  ///   incarnation (``SourceError/Kind/outdated(_:)``).
  func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError]

  /// Tells agents how hard to hold back, and until when that is somebody's word; on Redis' clock, Unix milliseconds. Lanes that are not
  /// built in are left out. Answers those that could not be told, as ``publish(_:over:)`` does.
  func press(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError]

  /// Used memory over `maxmemory` of the server that holds a lane; nil where there is no limit, or where the server does not tell.
  func memoryShare(beside lane: String) async throws -> Double?

  /// The clock, in Unix milliseconds, of the server that holds a lane.
  func currentMilliseconds(beside lane: String) async throws -> UInt64
}

/// One server, which is always the same.
extension LaneSource {
  package func servers(of lanes: [String]) async throws -> [LaneServer] { lanes.map { _ in .only } }

  package func rearranged() async throws { try await neverRearranged() }

  /// Nobody ever resumes it but the end of the task.
  package func neverRearranged() async throws {
    let (never, end) = AsyncStream<Never>.makeStream()
    defer { end.finish() }
    for await _ in never {}
    throw CancellationError()
  }

  package var blockingLanes: Int { ReadPlan.Pace().blockingLanes }

  package func writeConnection(to server: LaneServer) -> WriteConnection? { WriteConnection(server: server, number: 0) }

  /// Over a connection that is always the same.
  package func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams {
    ObservedStreams(connection: WriteConnection(server: server, number: 0), observations: try await observe(lanes))
  }

  package func markServers(of lanes: [String]) async throws -> [LaneServer] { try await servers(of: lanes) }
}

extension LaneSource {
  /// Items by the server that holds their lane, in the order of their first.
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
