internal import Foundation
internal import TidemarkCore

/// Reads the JSON objects whose values are all strings, in which the function library keeps messages and calls.
enum FlatJSON {
  /// The fields of an object; empty for a text that is none.
  static func fields(_ text: String) -> [String: String] {
    (try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))) ?? [:]
  }
}

/// The order of entry ids that are given as texts.
enum EntryOrder {
  static func isBefore(_ left: String?, _ right: String?) -> Bool {
    (left.flatMap { EntryID($0) } ?? .zero) < (right.flatMap { EntryID($0) } ?? .zero)
  }
}
