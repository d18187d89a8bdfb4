internal import Foundation
internal import TidemarkCore

extension StatusReport {
  /// One JSON object, keys in order.
  package func json(pretty: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
    return ForeignText.json(String(decoding: try encoder.encode(self), as: UTF8.self))
  }

  /// The moment, as reports write it.
  static func now() -> String {
    Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
