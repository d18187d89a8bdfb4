/// Where changes come from: the streams of one Redis.
///
/// Every method may be called again after it threw: none of them changes what another call returns, apart from
/// ``publish(_:)``, which only moves marks forward. A call after a lost connection connects again by itself; waiting
/// between attempts is the caller's decision. All of them throw ``SourceError``.
package protocol LaneSource: Sendable {
  /// Entries after each lane's position, at most `count` a lane, waiting up to `block` for the first.
  func read(_ request: LaneReadRequest) async throws -> LaneReadReply

  /// Counters of each stream, in the order asked; nil where there is no such stream.
  func inspect(_ lanes: [String]) async throws -> [LaneInspection?]

  /// How many entries a stream holds after one id and up to another. Reads them all: for the rare start in the middle.
  func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64

  /// Names of existing streams that match a glob pattern. Keys of other types are left out.
  func discover(_ pattern: String) async throws -> [String]

  /// Tells agents what is durable. A mark never moves back within one incarnation.
  func publish(_ marks: [DurableMark]) async throws

  /// The server's clock in Unix milliseconds.
  func currentMilliseconds() async throws -> UInt64
}

/// One XREAD.
package struct LaneReadRequest: Sendable {
  package struct Position: Sendable {
    package var lane: String
    /// The last entry that was read; what follows it is wanted.
    package var after: EntryID

    package init(lane: String, after: EntryID) {
      self.lane = lane
      self.after = after
    }
  }

  package var positions: [Position]
  /// Entries per lane at most, at least 1.
  package var count: Int
  /// How long the server may wait for a first entry. Nil does not wait.
  package var block: Duration?
  /// Bytes that the reply may take; a larger one is dropped and reported as ``LaneReadReply/overBudget``.
  /// With a single lane and `count` 1 the entry is always delivered, its values cut as ``EntryBlock/truncations`` says.
  package var budget: Int
  /// An entry beyond this has its values cut to the first 4 KiB.
  package var maxEntryBytes: Int

  package init(positions: [Position], count: Int, block: Duration?, budget: Int, maxEntryBytes: Int) {
    self.positions = positions
    self.count = count
    self.block = block
    self.budget = budget
    self.maxEntryBytes = maxEntryBytes
  }
}

package enum LaneReadReply: Sendable {
  /// Nothing new within `block`.
  case nothing
  case entries(EntryBlock)
  /// The reply was larger than the budget and was dropped; ask for less.
  case overBudget
}

/// What `XINFO STREAM` says of a lane, the counters that loss detection needs.
package struct LaneInspection: Sendable, Equatable {
  package var length: UInt64
  package var lastGeneratedID: EntryID
  package var entriesAdded: UInt64
  package var maxDeletedID: EntryID
  /// Id of the oldest entry still there.
  package var firstID: EntryID?

  package init(length: UInt64, lastGeneratedID: EntryID, entriesAdded: UInt64, maxDeletedID: EntryID, firstID: EntryID?) {
    self.length = length
    self.lastGeneratedID = lastGeneratedID
    self.entriesAdded = entriesAdded
    self.maxDeletedID = maxDeletedID
    self.firstID = firstID
  }
}

/// What agents are told of one lane after a commit.
package struct DurableMark: Sendable, Equatable {
  package var lane: String
  /// The last entry whose outcome is committed.
  package var durable: EntryID
  package var incarnation: Int64
  /// Dead letters of the batch: entry and reason.
  package var rejected: [Rejection]

  package struct Rejection: Sendable, Equatable {
    package var id: EntryID
    package var reason: String

    package init(id: EntryID, reason: String) {
      self.id = id
      self.reason = reason
    }
  }

  package init(lane: String, durable: EntryID, incarnation: Int64, rejected: [Rejection]) {
    self.lane = lane
    self.durable = durable
    self.incarnation = incarnation
    self.rejected = rejected
  }
}

/// A failure of the source, with what the caller may do about it.
package struct SourceError: Error, Sendable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// Unreachable, timed out, loading, read-only replica, out of memory: it passes by itself.
    case unavailable
    /// Wrong password, missing privilege, unsupported server: somebody must change something.
    case misconfigured
    /// This lane's key is not a stream or may not be read; the others are fine.
    case laneRefused(String)
  }

  package var kind: Kind
  /// One line: what, where, the mend. Never a secret.
  package var description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  package var isRetryable: Bool { kind == .unavailable }
}
