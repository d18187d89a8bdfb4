/// Identifies a worker in leases and in `status`.
package struct WorkerIdentity: Sendable, Hashable {
  /// A name that is unique among workers and their restarts.
  package var name: String
  package var host: String
  package var pid: Int32

  package init(name: String, host: String, pid: Int32) {
    self.name = name
    self.host = host
    self.pid = pid
  }
}
