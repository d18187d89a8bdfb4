/// What Redis says about the owner of a prefix: the hash `PREFIX:config`.
package struct PrefixClaim: Sendable, Equatable {
  /// Nil where no installation has claimed the prefix, or the claim went with all other keys.
  package var installation: InstallationID?
  /// The same value as in the ledger, as long as this is the Redis that the installation belongs to.
  package var claim: String?
  /// The schema of the installation, for messages: an id tells people nothing.
  package var schema: String?
  package var partitions: Int?

  package init(installation: InstallationID? = nil, claim: String? = nil, schema: String? = nil, partitions: Int? = nil) {
    self.installation = installation
    self.claim = claim
    self.schema = schema
    self.partitions = partitions
  }
}
