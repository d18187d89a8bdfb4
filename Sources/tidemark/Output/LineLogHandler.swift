import Foundation
import Logging
import TidemarkConfiguration
import TidemarkCore
import TidemarkLog

/// Writes log events to standard error, one line per event, as text for people or as JSON for collectors. Text from producers and servers
/// is escaped, so that it can neither break a line nor control a terminal.
struct LineLogHandler: LogHandler {
  /// The shared level, unless a copy of a logger was given a level of its own.
  var logLevel: Logger.Level {
    get { own ?? shared.current }
    set { own = newValue }
  }
  var metadata: Logger.Metadata = [:]
  private var own: Logger.Level?
  private let shared: LogLevel
  private let format: Configuration.LogFormat

  init(_ format: Configuration.LogFormat, at level: LogLevel) {
    shared = level
    self.format = format
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    LogStream.shared.write(line("\(event.message)", event.level, all)) { lost in
      let event = LoggedEvent.logLost
      return self.line(event.rawValue, event.level, [LogKey.lines.rawValue: "\(lost)"])
    }
  }

  private func line(_ name: String, _ level: Logger.Level, _ all: Logger.Metadata) -> String {
    let now = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    switch format {
    case .text:
      let pairs = all.sorted { $0.key < $1.key }.filter { !"\($0.value)".isEmpty }.map {
        "\(ForeignText.line($0.key))=\(Self.quoted(ForeignText.line("\($0.value)")))"
      }
      return ([now, level.rawValue.uppercased(), ForeignText.line(name)] + pairs).joined(separator: " ")
    case .json:
      var object = all.mapValues { JSONValue($0) }.filter { $0.value != .text("") }
      object["time"] = .text(now)
      object["level"] = .text(level.rawValue)
      object["event"] = .text(name)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      // The encoder can encode every string.
      return ForeignText.json(String(decoding: (try? encoder.encode(object)) ?? Data(), as: UTF8.self))
    }
  }

  /// A value of an event; numbers and flags keep their type.
  private enum JSONValue: Encodable, Equatable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)

    init(_ value: Logger.MetadataValue) {
      guard case .stringConvertible(let convertible) = value else {
        self = .text("\(value)")
        return
      }
      switch convertible {
      case let integer as any BinaryInteger: self = Int64(exactly: integer).map { .integer($0) } ?? .text("\(integer)")
      case let number as Double where number.isFinite: self = .number(number)
      case let flag as Bool: self = .flag(flag)
      default: self = .text("\(convertible)")
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .integer(let integer): try container.encode(integer)
      case .number(let number): try container.encode(number)
      case .flag(let flag): try container.encode(flag)
      }
    }
  }

  private static func quoted(_ value: String) -> String {
    value.contains(" ") ? "\"\(value.replacing("\"", with: "'"))\"" : value
  }
}

extension Logger {
  static func tidemark(_ format: Configuration.LogFormat, at level: LogLevel) -> Logger {
    Logger(label: "tidemark") { _ in LineLogHandler(format, at: level) }
  }
}
