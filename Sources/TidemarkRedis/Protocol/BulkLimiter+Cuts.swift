/// What is cut of replies, and what is put aside of it.
extension BulkLimiter {
  struct Limits: Equatable {
    /// A bulk longer than this is cut.
    var longest: Int
    /// Whether the digest of a cut bulk is wanted.
    var wantsDigest: Bool
    /// Of an entry with more fields the first are passed on. Nil: the reply has no entries, or they are not looked at.
    var mostFields: Int?

    init(longest: Int, wantsDigest: Bool, mostFields: Int? = nil) {
      // What is cut must be longer than what is kept of it.
      self.longest = max(longest, BulkLimiter.keptBytes)
      self.wantsDigest = wantsDigest
      self.mostFields = mostFields
    }
  }

  /// A bulk that was cut.
  struct Cut: Equatable {
    /// Counts all bulk strings that were seen, from 0; nulls are not counted.
    var ordinal: UInt64
    /// Bytes of the whole.
    var length: UInt64
    /// SHA-256 of the whole, empty where it was not wanted.
    var digest: [UInt8]
  }

  /// An entry of which only the first fields were passed on.
  struct Excess: Equatable {
    /// Counts all arrays at the depth of an entry's fields, from 0.
    var ordinal: UInt64
    /// Names and values of the whole.
    var elements: Int
    /// Of those that were left out: the bytes, and the SHA-256 of what came over the wire.
    var bytes: UInt64 = 0
    var digest: [UInt8] = []
  }
}
