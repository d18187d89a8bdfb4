/// A range of entries that are known to be lost, as a row of `gaps`. Times are in RFC 3339 in UTC.
package struct RecordedGap: Sendable, Equatable, Codable {
  package var id: Int64
  package var lane: String
  package var incarnation: Int64
  /// The last known entry before the gap.
  package var after: String?
  /// The first known entry after the gap; nil if none followed.
  package var before: String?
  /// The exact number of lost entries; nil if Redis has destroyed its own counters.
  package var missing: Int64?
  /// The least possible number of lost entries, if the exact number is unknown.
  package var atLeast: Int64?
  package var cause: String
  package var detectedAt: String
  package var acknowledgedAt: String?

  package enum CodingKeys: String, CodingKey {
    case id, lane, incarnation, after, before, missing, cause
    case atLeast = "at_least"
    case detectedAt = "detected_at"
    case acknowledgedAt = "acknowledged_at"
  }

  // The synthesized encoder would leave out nil values.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(lane, forKey: .lane)
    try container.encode(incarnation, forKey: .incarnation)
    try container.encode(after, forKey: .after)
    try container.encode(before, forKey: .before)
    try container.encode(missing, forKey: .missing)
    try container.encode(atLeast, forKey: .atLeast)
    try container.encode(cause, forKey: .cause)
    try container.encode(detectedAt, forKey: .detectedAt)
    try container.encode(acknowledgedAt, forKey: .acknowledgedAt)
  }
}
