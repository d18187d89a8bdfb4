/// Writes moments as Postgres reads them under DateStyle ISO: `2026-11-23 02:08:53.123+00`.
package enum TimestampText {
  /// Appends a moment, given as `milliseconds` since 1970, from 0 to the end of the year 9999.
  package static func append(milliseconds: Int64, to output: inout [UInt8]) {
    let (days, inDay) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
    let date = civil(days: days)
    DecimalText.append(date.year, width: 4, to: &output)
    output.append(UInt8(ascii: "-"))
    DecimalText.append(date.month, width: 2, to: &output)
    output.append(UInt8(ascii: "-"))
    DecimalText.append(date.day, width: 2, to: &output)
    output.append(UInt8(ascii: " "))
    DecimalText.append(inDay / 3_600_000, width: 2, to: &output)
    output.append(UInt8(ascii: ":"))
    DecimalText.append(inDay / 60_000 % 60, width: 2, to: &output)
    output.append(UInt8(ascii: ":"))
    DecimalText.append(inDay / 1_000 % 60, width: 2, to: &output)
    output.append(UInt8(ascii: "."))
    DecimalText.append(inDay % 1_000, width: 3, to: &output)
    output.append(contentsOf: "+00".utf8)
  }

  /// Returns the Gregorian date of a day since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
  private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
