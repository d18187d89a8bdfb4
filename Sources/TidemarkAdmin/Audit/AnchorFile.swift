internal import Foundation
internal import TidemarkConfiguration
package import TidemarkCore

/// A file with the heads of all chains. The operator keeps it out of reach of everybody who can change Postgres.
///
/// It holds one JSON object: the installation, the time, and for each lane the number of the last sealed change with its link.
package struct AnchorFile: Codable, Sendable, Equatable {
  package struct Unreadable: Error, Sendable, CustomStringConvertible {
    package var description: String
  }

  package var installation: String
  package var takenAt: String
  package var lanes: [String: String]

  private enum CodingKeys: String, CodingKey {
    case installation
    case takenAt = "taken_at"
    case lanes
  }

  package init(installation: InstallationID, heads: [SealHead]) {
    self.installation = installation.text
    takenAt = StatusReport.now()
    lanes = Dictionary(heads.map { ($0.lane, $0.text) }) { $1 }
  }

  /// Returns nil where there is no such file.
  package static func read(_ path: String) throws(Unreadable) -> AnchorFile? {
    let bytes: [UInt8]?
    do {
      bytes = try LocalFileSystem().contents(of: path)
    } catch {
      throw Unreadable(description: "\(path): can't be read: \(error.reason)")
    }
    guard let bytes else { return nil }
    guard let file = try? JSONDecoder().decode(AnchorFile.self, from: Data(bytes)) else {
      throw Unreadable(description: "\(path): is no anchor that `tidemark audit --anchor` wrote")
    }
    return file
  }

  /// Replaces the file in one step.
  package func write(_ path: String) throws(Unreadable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    do {
      try (try encoder.encode(self) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw Unreadable(description: "\(path): can't be written: \(error.localizedDescription)")
    }
  }

  /// - Throws: ``Unreadable`` for a lane whose text is no head.
  package func heads(_ path: String) throws(Unreadable) -> [SealHead] {
    var heads: [SealHead] = []
    for (lane, text) in lanes.sorted(by: { $0.key < $1.key }) {
      guard let head = SealHead(lane: lane, text: text) else {
        throw Unreadable(description: "\(path): the seal of the lane \(lane) can't be read")
      }
      heads.append(head)
    }
    return heads
  }
}
