package import TidemarkCore

extension Finding {
  /// Creates the finding for a prefix and a schema that don't belong together, with the remedy.
  package init(_ refusal: ClaimVerdict.Refusal, prefix: String, schema: String, partitions: Int) {
    switch refusal {
    case .otherPrefix(let held):
      self.init(
        .problem, "postgres.schema", "the schema \(schema) belongs to the installation with the prefix \(held), not \(prefix)",
        hint: "set redis.prefix: \(held), or choose another postgres.schema; to move the installation: `tidemark migrate --adopt`")
    case .otherPartitions(let held):
      self.init(
        .problem, "state.partitions", "the configuration says \(partitions), this installation was migrated with \(held)",
        hint: "set state.partitions: \(held)")
    case .otherInstallation(let id, let other):
      self.init(
        .problem, "redis.prefix",
        "the prefix \(prefix) belongs to another installation (\(id)\(other.map { ", with the schema \($0)" } ?? "")) than the schema \(schema)",
        hint: "choose another redis.prefix, or correct postgres.url; if that installation no longer exists: `tidemark migrate --adopt`")
    case .servedElsewhere(let worker):
      self.init(
        .problem, "redis.url",
        "this Redis does not have the claim of the schema \(schema), which the worker \(worker) serves through another Redis",
        hint: "correct redis.url, or choose another postgres.schema; to move the installation to this Redis, stop its workers first")
    }
  }
}
