internal import Migrations
package import TidemarkCore

/// The function library of a prefix: its name, its code, and the way to install it on a server. Errors are ``RedisError``.
package struct FunctionLibrary: Sendable {
  /// The version of the code of this release.
  package static let version = versionNumber(in: Migrations.functions) ?? 0

  /// The library's name, and the beginning of its functions' names: the prefix, in which `_` replaces every byte that a name can't have.
  package let name: String
  package let prefix: String

  package init(prefix: String) {
    self.prefix = prefix
    name = KeyNames(prefix: prefix).functions
  }

  /// The code for FUNCTION LOAD. Its last line records the prefix, because several prefixes may have the same name.
  package var source: String {
    "\(Migrations.functions.replacing("{{library}}", with: name))\n\(Self.prefixMark)\(prefix)\n"
  }

  private static let prefixMark = "-- Installed for the prefix "

  /// Returns whether a server has this version of the library, or a newer one, whatever prefix it was installed for. This is a cheap
  /// question, for a check every second.
  func isCurrent(on connection: RedisConnection) async throws -> Bool {
    let reply = try await connection.send(["FCALL_RO", .text("\(name)_version"), "0"])
    return (reply.number ?? 0) >= Int64(Self.version)
  }

  package func verdict(on connection: RedisConnection) async throws -> LibraryVerdict {
    let reply = try await connection.send(["FUNCTION", "LIST", "LIBRARYNAME", .text(name), "WITHCODE"]).orThrow()
    guard let libraries = reply.elements else { throw RedisError(.malformedReply, "the reply to FUNCTION LIST is not a list") }
    let installed = libraries.first.map { Self.installed($0["library_code"]?.text ?? "") }
    return LibraryVerdict(installed, version: Self.version, prefix: prefix)
  }

  /// Installs the library where it is missing or older. Returns what was found, which is `install` if it was installed.
  ///
  /// A missing library is loaded without REPLACE, so that a worker of an older release does not replace what another worker has installed
  /// meanwhile.
  package func install(on connection: RedisConnection) async throws -> LibraryVerdict {
    let verdict = try await verdict(on: connection)
    guard case .install(let older) = verdict else { return verdict }
    let load: [RedisArgument] = older == nil ? ["FUNCTION", "LOAD"] : ["FUNCTION", "LOAD", "REPLACE"]
    let reply = try await connection.send(load + [.text(source)])
    if older == nil, case .error(let message) = reply, message.contains("already exists") { return try await self.verdict(on: connection) }
    _ = try reply.orThrow()
    return verdict
  }

  private static func installed(_ code: String) -> LibraryVerdict.Installed {
    LibraryVerdict.Installed(version: versionNumber(in: code), prefix: prefix(in: code))
  }

  private static func versionNumber(in code: String) -> Int? {
    code.firstMatch(of: /\nlocal VERSION = ([0-9]+)\n/).flatMap { Int($0.1) }
  }

  private static func prefix(in code: String) -> String? {
    code.split(separator: "\n").last { $0.hasPrefix(prefixMark) }.map { String($0.dropFirst(prefixMark.count)) }
  }
}
