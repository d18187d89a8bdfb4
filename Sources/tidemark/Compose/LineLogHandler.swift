import Foundation
import Logging
import TidemarkConfiguration

/// Log lines on stderr: one line an event, as text for people or as JSON for collectors.
struct LineLogHandler: LogHandler {
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]
  private let format: Configuration.LogFormat

  init(_ log: Configuration.Log) {
    logLevel = Logger.Level(rawValue: log.level.rawValue) ?? .info
    format = log.format
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    let now = Date().formatted(.iso8601.time(includingFractionalSeconds: true))
    switch format {
    case .text:
      let pairs = all.sorted { $0.key < $1.key }.filter { !"\($0.value)".isEmpty }.map { "\($0.key)=\(Self.quoted("\($0.value)"))" }
      write(([now, event.level.rawValue.uppercased(), "\(event.message)"] + pairs).joined(separator: " "))
    case .json:
      var object: [String: String] = all.mapValues { "\($0)" }
      object["time"] = now
      object["level"] = event.level.rawValue
      object["event"] = "\(event.message)"
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      guard let line = try? encoder.encode(object) else { return }
      write(String(decoding: line, as: UTF8.self))
    }
  }

  private func write(_ line: String) {
    let single = line.map { $0.isNewline ? " " : $0 }
    FileHandle.standardError.write(Data((String(single) + "\n").utf8))
  }

  private static func quoted(_ value: String) -> String {
    value.contains(" ") ? "\"\(value.replacing("\"", with: "'"))\"" : value
  }
}

extension Logger {
  static func tidemark(_ log: Configuration.Log) -> Logger {
    Logger(label: "tidemark") { _ in LineLogHandler(log) }
  }
}
