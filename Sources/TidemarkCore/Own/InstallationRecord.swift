/// The installation as the ledger holds it: the row of `installation`.
package struct InstallationRecord: Sendable, Equatable {
  package var id: InstallationID
  package var prefix: String
  package var partitions: Int
  /// Identifies the Redis to which the installation belongs; nil until the first one is claimed.
  package var claim: String?
  /// The name of another worker that serves the installation through that Redis at the moment.
  package var servedBy: String?

  package init(id: InstallationID, prefix: String, partitions: Int, claim: String?, servedBy: String?) {
    self.id = id
    self.prefix = prefix
    self.partitions = partitions
    self.claim = claim
    self.servedBy = servedBy
  }
}
