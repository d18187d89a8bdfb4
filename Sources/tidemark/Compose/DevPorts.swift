import Foundation

/// The ports of one folder of `dev`, kept there so that the printed URLs lead to the same place at the next start.
struct DevPorts: Codable, Equatable {
  var redis: Int?
  var postgres: Int?
  /// Of the status page.
  var page: Int?

  private static func file(in folder: String) -> String { "\(folder)/ports.json" }

  /// What is kept; nothing where the folder is new, or where the file can't be read.
  static func read(in folder: String) -> DevPorts {
    guard let data = FileManager.default.contents(atPath: file(in: folder)) else { return DevPorts() }
    return (try? JSONDecoder().decode(DevPorts.self, from: data)) ?? DevPorts()
  }

  func write(in folder: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    do {
      try (try encoder.encode(self)).write(to: URL(fileURLWithPath: Self.file(in: folder)), options: .atomic)
    } catch {
      throw CommandFailure.found("dev: can't write \(Self.file(in: folder)) (\(error.localizedDescription)); make the folder writable")
    }
  }

  /// Throws in one line where a port of this folder is taken.
  static func requireFree(_ port: Int?, of what: String, in folder: String) throws {
    guard let port, !LocalPort.isFree(port) else { return }
    throw CommandFailure.found(
      "dev: the port \(port) of this folder's \(what) is taken; stop what listens there, or remove \(file(in: folder)) to get other ports")
  }
}
