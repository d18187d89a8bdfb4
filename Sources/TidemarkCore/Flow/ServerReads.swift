/// The reads and checks of one server's lanes, and their order.
struct ServerReads: Sendable {
  /// Decides which lanes are read, of all lanes that are not halted.
  var plan: ReadPlan
  /// Decides which lanes are compared with their streams, of all lanes that are not halted.
  var checks = CheckPlan()
  /// The lanes that are not read until their transactions are decided, because many entries wait behind these.
  private(set) var backingOff: Set<String> = []
  /// The number of owned lanes that the server holds, including those that are not read at the moment.
  var lanes = 0
  /// The most bytes that the reply under way may bring.
  var reserved = 0

  init(pace: ReadPlan.Pace) {
    plan = ReadPlan(pace: pace)
  }

  /// Whether there are so many lanes that the worker should listen for the doorbell, including the lanes that back off.
  var needsDoorbell: Bool { plan.needsDoorbell(besides: backingOff.count) }

  /// What the server's reader and doorbell act by.
  var facts: WorkerFacts.Server {
    WorkerFacts.Server(
      isDue: plan.isDue, hasDueChecks: checks.hasDue, isHeard: plan.isHeard, readsAlone: plan.readsAlone, needsDoorbell: needsDoorbell)
  }

  mutating func add(_ lane: String) {
    plan.add(lane)
    checks.add(lane)
  }

  /// Makes a lane back off: it is not read for a while, but is still compared with its stream.
  mutating func backOff(_ lane: String) {
    plan.remove(lane)
    backingOff.insert(lane)
  }

  mutating func endBackoff(_ lane: String) {
    if backingOff.remove(lane) != nil { plan.add(lane) }
  }

  mutating func remove(_ lane: String) {
    plan.remove(lane)
    checks.remove(lane)
    backingOff.remove(lane)
  }
}
