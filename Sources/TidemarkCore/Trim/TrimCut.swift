/// The entries to remove from a lane's stream.
package struct TrimCut: Sendable, Equatable {
  package var lane: String
  /// The entry before which all entries are removed.
  package var below: EntryID
  /// The ledger's installation, whose cursor allows the removal.
  package var installation: InstallationID

  package init(lane: String, below: EntryID, installation: InstallationID) {
    self.lane = lane
    self.below = below
    self.installation = installation
  }
}
