/// Decides whether a producer's `ts` is a time in Unix milliseconds.
enum EntryTime {
  /// The first moment that a `ts` may name: the beginning of 2001. A time in seconds stays below this number until the year 32970.
  static let first: Int64 = 978_307_200_000
  /// The last moment that a `ts` may name: the end of the year 9999.
  static let last: Int64 = 253_402_300_799_999
  /// The longest time by which a `ts` may be ahead of its entry's time: clocks differ, and so do notions of the current day.
  private static let ahead: Int64 = 86_400_000

  /// Returns the latest `ts` that an entry with this id may have: a day after the time in the id. An id outside of 2001 to 9999 (a small
  /// number that a producer counts, seconds, microseconds) tells no time; only the end of the year 9999 limits its `ts`.
  static func latest(for id: EntryID) -> Int64 {
    guard let own = Int64(exactly: id.ms), (first...last).contains(own) else { return last }
    return min(own + ahead, last)
  }

  /// Returns what is wrong with a `ts`, or nil.
  static func problem(_ milliseconds: Int64, of id: EntryID) -> String? {
    let latest = latest(for: id)
    if milliseconds < first { return "is before 2001: it is in milliseconds since 1970\(hint(milliseconds, latest))" }
    guard milliseconds > latest else { return nil }
    let bound = latest == last ? "after the year 9999" : "more than a day after the entry itself"
    return "is \(bound): it is in milliseconds since 1970\(hint(milliseconds, latest))"
  }

  /// Returns a hint that names the unit that was probably used, or an empty text.
  private static func hint(_ number: Int64, _ latest: Int64) -> String {
    let (milliseconds, overflowed) = number.multipliedReportingOverflow(by: 1_000)
    if !overflowed, (first...latest).contains(milliseconds) { return ", and this looks like seconds" }
    if (first...latest).contains(number / 1_000) { return ", and this looks like microseconds" }
    if (first...latest).contains(number / 1_000_000) { return ", and this looks like nanoseconds" }
    return ""
  }
}
