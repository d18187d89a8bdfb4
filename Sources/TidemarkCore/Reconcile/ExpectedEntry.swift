internal import Crypto

/// An entry of a stream, and what it should have become as far as the rules of today tell without Postgres.
package struct ExpectedEntry: Sendable, Equatable {
  package enum Outcome: Sendable, Equatable {
    /// A change, unless its event id was used before or Postgres refuses it.
    case change
    /// A dead letter.
    case letter
    /// Nothing: the entry is ephemeral.
    case nothing
  }

  package var id: EntryID
  package var outcome: Outcome
  /// The digest over all fields; nil for an ephemeral entry, and for one that was cut when it was read.
  package var digest: ContentDigest?
  package var contentDigest: ContentDigest?
  package var session: String?
  package var eventID: String?
  package var epoch: Int64?
  package var seq: Int64?

  package init(
    id: EntryID, outcome: Outcome, digest: ContentDigest?, contentDigest: ContentDigest? = nil, session: String? = nil,
    eventID: String? = nil, epoch: Int64? = nil, seq: Int64? = nil
  ) {
    self.id = id
    self.outcome = outcome
    self.digest = digest
    self.contentDigest = contentDigest
    self.session = session
    self.eventID = eventID
    self.epoch = epoch
    self.seq = seq
  }

  /// Returns the entries of a batch, in its order.
  package static func all(of batch: ChangeBatch) -> [ExpectedEntry] {
    batch.entries.map { entry in
      var expected = ExpectedEntry(id: entry.id, outcome: .nothing, digest: entry.digest == .none ? nil : entry.digest)
      switch entry.disposition {
      case .ephemeral: return expected
      case .rejected: expected.outcome = .letter
      case .apply:
        expected.outcome = .change
        expected.contentDigest = entry.contentDigest
        if case .integer(let epoch) = entry.epoch { expected.epoch = epoch }
        if case .integer(let seq) = entry.seq { expected.seq = seq }
      }
      expected.session = batch.text(of: entry.session).map { String(decoding: $0, as: UTF8.self) }
      expected.eventID = batch.text(of: entry.eventID).map { String(decoding: $0, as: UTF8.self) }
      return expected
    }
  }
}

/// A digest over the positions and the digests of changes, in their order. The SQL function `lane_contents` computes the same.
package struct RangeDigest: Sendable, Equatable {
  package var bytes: [UInt8]

  package init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  package init(of changes: some Sequence<(id: EntryID, digest: ContentDigest)>) {
    var hash = SHA256()
    for change in changes {
      for number in [change.id.ms, change.id.no, change.digest.high, change.digest.low] {
        withUnsafeBytes(of: number.bigEndian) { hash.update(bufferPointer: $0) }
      }
    }
    bytes = Array(hash.finalize())
  }

  /// Creates the digest of what Postgres has where each of these entries has become what the rules of today say.
  package init(of entries: some Sequence<ExpectedEntry>) {
    self.init(
      of: entries.lazy.compactMap { entry in
        entry.outcome == .change ? entry.digest.map { (id: entry.id, digest: $0) } : nil
      })
  }
}
