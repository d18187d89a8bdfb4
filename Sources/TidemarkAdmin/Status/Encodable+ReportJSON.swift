internal import Foundation
internal import TidemarkCore

extension Encodable {
  /// Returns one JSON object with sorted keys, for the output of a command and of the HTTP server.
  func reportJSON(pretty: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
    return ForeignText.json(String(decoding: try encoder.encode(self), as: UTF8.self))
  }
}
