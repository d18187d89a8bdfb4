internal import Foundation

extension StatusReport {
  /// Returns one JSON object with sorted keys.
  package func json(pretty: Bool = false) throws -> String { try reportJSON(pretty: pretty) }

  /// Returns the current time in the format of reports.
  static func now() -> String {
    Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
