/// What is read of one server: the order of its lanes' reads and checks.
struct ServerReads: Sendable {
  /// Which lanes are read, of those that may be: all that are not halted.
  var plan: ReadPlan
  /// Which lanes are held against what Redis says of them: the same.
  var checks = CheckPlan()
  /// Lanes that are not read until their transactions are decided, because so much waits behind those.
  private(set) var resting: Set<String> = []
  /// Lanes of ours that it holds, also those that are not read at the moment.
  var lanes = 0
  /// Bytes that the reply under way may bring.
  var reserved = 0

  init(pace: ReadPlan.Pace) {
    plan = ReadPlan(pace: pace)
  }

  /// Whether there are so many lanes that somebody should listen for the doorbell, also while some rest.
  var needsDoorbell: Bool { plan.needsDoorbell(besides: resting.count) }

  mutating func add(_ lane: String) {
    plan.add(lane)
    checks.add(lane)
  }

  /// It is not read for a while; it is held against what Redis says of it all the same.
  mutating func rest(_ lane: String) {
    plan.remove(lane)
    resting.insert(lane)
  }

  mutating func rested(_ lane: String) {
    if resting.remove(lane) != nil { plan.add(lane) }
  }

  mutating func remove(_ lane: String) {
    plan.remove(lane)
    checks.remove(lane)
    resting.remove(lane)
  }
}
