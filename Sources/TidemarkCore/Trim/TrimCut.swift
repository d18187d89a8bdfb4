/// What is to be removed of a lane's stream.
package struct TrimCut: Sendable, Equatable {
  package var lane: String
  /// Entries before this one go.
  package var below: EntryID
  /// The ledger's installation, by whose cursor they may go.
  package var installation: InstallationID

  package init(lane: String, below: EntryID, installation: InstallationID) {
    self.lane = lane
    self.below = below
    self.installation = installation
  }
}
