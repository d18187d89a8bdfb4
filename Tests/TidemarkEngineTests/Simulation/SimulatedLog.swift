import Logging

/// Hands each line of a worker's log to the simulated world.
struct SimulatedLog: LogHandler {
  struct Event {
    var worker: String
    var name: String
    var metadata: String
  }

  let worker: String
  let onEvent: @Sendable (Event) -> Void
  var metadata = Logger.Metadata()
  var logLevel = Logger.Level.info

  init(worker: String, onEvent: @escaping @Sendable (Event) -> Void) {
    self.worker = worker
    self.onEvent = onEvent
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    onEvent(Event(worker: worker, name: "\(event.message)", metadata: "\(event.metadata ?? [:])"))
  }
}
