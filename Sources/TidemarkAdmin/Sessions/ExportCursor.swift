import Foundation

/// Where an export ended, and the next one goes on. As text it is opaque.
package struct ExportCursor: Sendable, Equatable, Codable {
  /// Where the lanes stand: for each its number -> incarnation, number of the last change, position.
  package typealias Places = [String: [Int64]]

  /// The installation whose lanes have these numbers.
  package var installation: String
  /// What changed up to here was exported; nil: nothing was.
  package var earlier: Places?
  /// What an export that was limited has listed, and its last session; nil after a whole one.
  package var later: Places?
  package var last: String?

  package init(installation: String, earlier: Places? = nil, later: Places? = nil, last: String? = nil) {
    self.installation = installation
    self.earlier = earlier
    self.later = later
    self.last = last
  }

  /// Nil for a text that is no cursor.
  package init?(text: String) {
    var base64 = text.replacing("-", with: "+").replacing("_", with: "/")
    base64 += String(repeating: "=", count: (4 - base64.count % 4) % 4)
    guard let data = Data(base64Encoded: base64), let cursor = try? JSONDecoder().decode(ExportCursor.self, from: data),
      cursor.earlier.map(Self.areComplete) ?? true, cursor.later.map(Self.areComplete) ?? true
    else { return nil }
    self = cursor
  }

  private static func areComplete(_ places: Places) -> Bool { places.allSatisfy { Int32($0.key) != nil && $0.value.count == 4 } }

  package var text: String {
    Self.encoded(self).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  package static func places(json: String) -> Places? { try? JSONDecoder().decode(Places.self, from: Data(json.utf8)) }

  package static func json(_ places: Places) -> String { String(decoding: encoded(places), as: UTF8.self) }

  private static func encoded(_ value: some Encodable) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Encoding numbers and texts can't fail.
    return (try? encoder.encode(value)) ?? Data()
  }
}
