import Foundation
package import TidemarkServers

/// A copy of its disk, as a snapshot of the volume is.
extension PostgresServer {
  /// Keeps a copy of all its files, in place of an earlier one. It must not run meanwhile.
  package func keepCopy() async throws {
    try await copyFiles(from: instance.dataFolder, to: instance.copyFolder)
  }

  /// Puts the copy in the place of its files. It must not run meanwhile; started again it is where it was, on the same timeline.
  package func restoreCopy() async throws {
    try await copyFiles(from: instance.copyFolder, to: instance.dataFolder)
  }

  private func copyFiles(from source: String, to target: String) async throws {
    guard !isShared, pid == nil else { throw ServerError(.misuse, "a copy of Postgres' files is taken or put back while it is stopped") }
    if FileManager.default.fileExists(atPath: target) { try FileManager.default.removeItem(atPath: target) }
    // With owners and modes.
    try await Program.find(["cp"], package: "coreutils").output(["-a", "--", source, target])
  }
}
