/// Keeps streams: mirrors cursors, trims, raises ids. All methods throw ``SourceError`` and may be called again after they threw: each states what must be,
/// and repeating it changes nothing.
package protocol StreamKeeper: Sendable {
  /// The consumer group that mirrors cursors.
  var groupName: String { get }

  /// Moves each lane's consumer group to a cursor. A missing group is made only where ``LaneMirror/isNew`` asks for it: its absence says that the stream
  /// was replaced. Returns the lanes that have the group then; a stream that does not exist has none. Throws where the user has the right for none of
  /// them.
  func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String>

  /// Removes each lane's entries below an id. Returns how many went, or why a lane is refused. Throws where `connection` is not the present one.
  func trim(_ cuts: [TrimCut], over connection: WriteConnection) async throws -> [Result<Int, SourceError>]

  /// Removes the published rejections of entries below an id, which were trimmed. Handles a part of each lane's rejections; the next call goes on with
  /// the next part. Lanes without published rejections are left out.
  func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws

  /// Makes sure that future ids are above `floor`, where the stream exists, its marks bear no other installation's id, and the user has the right. Returns
  /// whether they are.
  func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool
}
