/// Every setting, checked and typed: what the rest of Tidemark is given.
///
/// The initial values here are the defaults; ``ConfigurationSchema`` names, documents and reads each of them. Memberwise
/// copies are cheap values, so a reload makes a new one and compares.
package struct Configuration: Equatable, Sendable {
  package var redis = Redis()
  package var postgres = Postgres()
  package var state = State()
  package var lanes: [LaneItem] = []
  /// How fast a pattern finds a new stream.
  package var discover = Duration.seconds(1)
  package var batch = Batch()
  package var buffer = Buffer()
  package var retry = Retry()
  package var deadLetters = DeadLetters()
  package var dedupe = Dedupe()
  package var lease = Lease()
  package var checkpoint = Checkpoint()
  package var snapshot = Snapshot()
  package var trim = Trim()
  package var rewind = Rewind.resume
  package var pressure = Pressure()
  package var reconcile = Reconcile()
  package var hot = Hot()
  package var limits = Limits()
  package var text = Text()
  package var retention = Retention()
  package var http = HTTP()
  package var log = Log()

  package init() {}
}
