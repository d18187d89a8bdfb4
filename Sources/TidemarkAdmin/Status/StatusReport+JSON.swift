internal import Foundation
internal import TidemarkCore

extension StatusReport {
  /// Returns one JSON object with sorted keys.
  package func json(pretty: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
    return ForeignText.json(String(decoding: try encoder.encode(self), as: UTF8.self))
  }

  /// Returns the current time in the format of reports.
  static func now() -> String {
    Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
