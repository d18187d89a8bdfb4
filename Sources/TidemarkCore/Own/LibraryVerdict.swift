/// Decides what happens to the function library of one Redis server.
///
/// The rules, in this order:
/// 1. A library of the same name that is not Tidemark's, or that was installed for another prefix, is never replaced.
/// 2. A library of the same version or a newer one is kept: workers of several releases serve side by side, and the newest library serves
///    the agents of all of them.
/// 3. An older one is replaced, a missing one is installed.
package enum LibraryVerdict: Sendable, Equatable {
  case current
  /// The server has a newer version.
  case newer(Int)
  /// The library must be installed, in place of this version if there is one.
  case install(over: Int?)
  case refused(Refusal)

  package enum Refusal: Error, Sendable, Equatable {
    /// The library was installed for this prefix, from which the same name results.
    case otherPrefix(String)
    /// The library is not Tidemark's.
    case foreign
  }

  /// The library that a server has under the name.
  package struct Installed: Sendable, Equatable {
    /// Nil for a library that is not Tidemark's.
    package var version: Int?
    /// The prefix for which it was installed; nil where it was loaded by hand.
    package var prefix: String?

    package init(version: Int?, prefix: String?) {
      self.version = version
      self.prefix = prefix
    }
  }

  /// - Parameters:
  ///   - installed: nil where the server has no library of that name.
  ///   - version: the version of this release.
  package init(_ installed: Installed?, version: Int, prefix: String) {
    guard let installed else {
      self = .install(over: nil)
      return
    }
    guard let found = installed.version else {
      self = .refused(.foreign)
      return
    }
    if let other = installed.prefix, other != prefix {
      self = .refused(.otherPrefix(other))
    } else if found > version {
      self = .newer(found)
    } else {
      self = found == version ? .current : .install(over: found)
    }
  }
}

extension LibraryVerdict.Refusal: CustomStringConvertible {
  package var description: String {
    switch self {
    case .otherPrefix(let prefix):
      "the function library of that name belongs to the prefix \(prefix); choose another redis.prefix, which differs in a letter or a digit"
    case .foreign: "the function library of that name is not Tidemark's; choose another redis.prefix, or remove it with FUNCTION DELETE"
    }
  }
}
