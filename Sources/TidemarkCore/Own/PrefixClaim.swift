/// The owner of a prefix, as Redis states it in the hash `PREFIX:config`.
package struct PrefixClaim: Sendable, Equatable {
  /// The installation that claimed the prefix; nil where none did, or where the claim was lost with all other keys.
  package var installation: InstallationID?
  /// The claim. It equals the ledger's as long as the installation belongs to this Redis.
  package var claim: String?
  /// The schema of the installation, for messages, because an id means nothing to people.
  package var schema: String?
  package var partitions: Int?

  package init(installation: InstallationID? = nil, claim: String? = nil, schema: String? = nil, partitions: Int? = nil) {
    self.installation = installation
    self.claim = claim
    self.schema = schema
    self.partitions = partitions
  }
}
