/// Writes files that only a server's user may read.
package enum PrivateFile {
  /// Makes the file at `path`, in place of what is there, with `text` as its content and mode 0600.
  ///
  /// `user` (nil is this process' own) makes it itself: the folder may be that user's, and what lies there may lead anywhere.
  package static func write(_ text: String, to path: String, as user: ServerUser?) async throws {
    try await Program.find(["sh"], package: "dash").output(
      ["-c", #"umask 077 && rm -f "$1" && cat >"$1""#, "sh", path], input: text, user: user)
  }
}
