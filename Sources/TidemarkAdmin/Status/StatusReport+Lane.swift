extension StatusReport {
  /// A lane in a status report. Its members have the names of the public JSON; times are in ISO 8601 in UTC.
  package struct Lane: Sendable, Equatable, Codable {
    package var lane: String
    package var state: String
    /// The time since which the lane has been in this state.
    package var since: String?
    package var lastError: String?
    package var hint: String?
    /// The cursor: the last entry whose outcome is committed.
    package var entryID: String
    package var incarnation: Int64
    /// The worker that holds the lease of the lane's shard; null if there is none.
    package var owner: String?
    package var fence: Int64
    package var lagEntries: Int64?
    package var lagSeconds: Double?
    /// The entries read per second; null if the lane has no checkpoint to compare its counts with.
    package var readPerSecond: Double?
    package var appliedPerSecond: Double?
    package var read: Int
    package var applied: Int
    package var duplicates: Int
    package var divergent: Int
    package var ephemeral: Int
    package var skipped: Int
    package var deadLetters: Int
    package var deadLettersOpen: Int?
    /// The gaps that are not acknowledged.
    package var gapsOpen: Int?
    /// The differences between Redis and Postgres that were found and are not repaired.
    package var divergencesOpen: Int?
    /// The entry through which the lane's log was compared with Postgres, and when that was said last; null before the first time.
    package var verifiedThrough: String?
    package var verifiedAt: String?
    package var missing: Int
    package var baseline: Int
    package var reread: Int
    package var misrouted: Int
    /// The error of the accounting. Any value other than 0 is a bug of Tidemark.
    package var accountingError: Int

    package enum CodingKeys: String, CodingKey, CaseIterable {
      case lane, state, since
      case lastError = "last_error"
      case hint
      case entryID = "entry_id"
      case incarnation, owner, fence
      case lagEntries = "lag_entries"
      case lagSeconds = "lag_seconds"
      case readPerSecond = "read_per_second"
      case appliedPerSecond = "applied_per_second"
      case read, applied, duplicates, divergent, ephemeral, skipped
      case deadLetters = "dead_letters"
      case deadLettersOpen = "dead_letters_open"
      case gapsOpen = "gaps_open"
      case divergencesOpen = "divergences_open"
      case verifiedThrough = "verified_through"
      case verifiedAt = "verified_at"
      case missing, baseline, reread, misrouted
      case accountingError = "accounting_error"
    }

    // The synthesized encoder would leave out nil values.
    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(lane, forKey: .lane)
      try container.encode(state, forKey: .state)
      try container.encode(since, forKey: .since)
      try container.encode(lastError, forKey: .lastError)
      try container.encode(hint, forKey: .hint)
      try container.encode(entryID, forKey: .entryID)
      try container.encode(incarnation, forKey: .incarnation)
      try container.encode(owner, forKey: .owner)
      try container.encode(fence, forKey: .fence)
      try container.encode(lagEntries, forKey: .lagEntries)
      try container.encode(lagSeconds, forKey: .lagSeconds)
      try container.encode(readPerSecond, forKey: .readPerSecond)
      try container.encode(appliedPerSecond, forKey: .appliedPerSecond)
      try container.encode(read, forKey: .read)
      try container.encode(applied, forKey: .applied)
      try container.encode(duplicates, forKey: .duplicates)
      try container.encode(divergent, forKey: .divergent)
      try container.encode(ephemeral, forKey: .ephemeral)
      try container.encode(skipped, forKey: .skipped)
      try container.encode(deadLetters, forKey: .deadLetters)
      try container.encode(deadLettersOpen, forKey: .deadLettersOpen)
      try container.encode(gapsOpen, forKey: .gapsOpen)
      try container.encode(divergencesOpen, forKey: .divergencesOpen)
      try container.encode(verifiedThrough, forKey: .verifiedThrough)
      try container.encode(verifiedAt, forKey: .verifiedAt)
      try container.encode(missing, forKey: .missing)
      try container.encode(baseline, forKey: .baseline)
      try container.encode(reread, forKey: .reread)
      try container.encode(misrouted, forKey: .misrouted)
      try container.encode(accountingError, forKey: .accountingError)
    }
  }
}
