package import TidemarkCore

/// A call of a function of the installation's library about one session.
package enum FunctionCall {
  /// Returns the command.
  ///
  /// - Parameters:
  ///   - function: its name without the library's.
  ///   - library: the name of the library: ``KeyNames/functions``.
  ///   - isReading: whether the function is one that writes nothing, so that a replica may run it.
  package static func command(
    _ function: String, of library: String, isReading: Bool = false, _ keys: SessionKeys, _ arguments: [RedisArgument]
  ) -> [RedisArgument] {
    let (names, verb): ([String], [RedisArgument]) = (keys.all, isReading ? ["FCALL_RO"] : ["FCALL"])
    return verb + [.text("\(library)_\(function)"), .integer(Int64(names.count))] + names.map { .text($0) } + arguments
  }
}
