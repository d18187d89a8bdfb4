/// Every setting, validated and typed.
///
/// The initial values here are the defaults; ``ConfigurationSchema`` names, documents and parses each setting. Copies are cheap, so a
/// reload makes a new value and compares it.
package struct Configuration: Equatable, Sendable {
  package var redis = Redis()
  package var postgres = Postgres()
  package var state = State()
  package var lanes: [LaneSetting] = []
  /// The interval at which patterns look for new streams.
  package var discover = Duration.seconds(1)
  package var batch = Batch()
  package var buffer = Buffer()
  package var retry = Retry()
  package var deadLetters = DeadLetters()
  package var dedupe = Dedupe()
  package var lease = Lease()
  package var checkpoint = Checkpoint()
  package var snapshot = Snapshot()
  package var seal = Seal()
  package var trim = Trim()
  package var rewind = Rewind.resume
  package var pressure = Pressure()
  package var reconcile = Reconcile()
  package var hot = Hot()
  package var forget = Forget()
  package var limits = Limits()
  package var text = Text()
  package var retention = Retention()
  package var http = HTTP()
  package var log = Log()

  package init() {}
}
