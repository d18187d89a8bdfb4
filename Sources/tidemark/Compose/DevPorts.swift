import Foundation

/// The ports that one folder of `dev` uses. They are stored in the folder, so that the printed URLs stay valid at the next start.
struct DevPorts: Codable, Equatable {
  var redis: Int?
  var postgres: Int?
  /// The port of the status page.
  var page: Int?

  private static func file(in folder: String) -> String { "\(folder)/ports.json" }

  /// Returns the stored ports; an empty value if the folder is new or the file can't be read.
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

  /// Throws an error of one line if a port of this folder is in use.
  static func requireFree(_ port: Int?, of what: String, in folder: String) throws {
    guard let port, !LocalPort.isFree(port) else { return }
    throw CommandFailure.found(
      "dev: the port \(port) of this folder's \(what) is in use by another program; stop it, or remove \(file(in: folder)) for other ports")
  }
}
