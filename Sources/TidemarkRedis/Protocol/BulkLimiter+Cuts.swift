/// The limits of replies, and the records of the parts that were cut off.
extension BulkLimiter {
  struct Limits: Equatable {
    /// The number of bytes above which a bulk is cut.
    var longest: Int
    /// Whether the digest of a cut bulk is computed.
    var wantsDigest: Bool
    /// The number of fields above which an entry is cut. Nil if the reply has no entries, or if they are not limited.
    var mostFields: Int?

    init(longest: Int, wantsDigest: Bool, mostFields: Int? = nil) {
      // A cut bulk must be longer than the part that is kept.
      self.longest = max(longest, BulkLimiter.keptBytes)
      self.wantsDigest = wantsDigest
      self.mostFields = mostFields
    }
  }

  /// A bulk that was cut.
  struct Cut: Equatable {
    /// The bulk's place among all bulk strings, counted from 0; nulls are not counted.
    var ordinal: UInt64
    /// The length of the whole bulk in bytes.
    var length: UInt64
    /// The SHA-256 of the whole bulk; empty if it was not requested.
    var digest: [UInt8]
  }

  /// An entry of which only the first fields were passed on.
  struct Excess: Equatable {
    /// The place of the entry's field list among all arrays at that depth, counted from 0.
    var ordinal: UInt64
    /// The number of names and values of the whole entry.
    var elements: Int
    /// The number of bytes that were left out; ``digest`` is the SHA-256 of their wire format.
    var bytes: UInt64 = 0
    var digest: [UInt8] = []
  }
}
