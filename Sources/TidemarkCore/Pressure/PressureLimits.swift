/// The thresholds at which agents are asked to slow down or to stop, the settings of `pressure:`.
package struct PressureLimits: Sendable, Equatable {
  package var slow: Duration
  package var stop: Duration
  /// The share of Redis' `maxmemory`, 0 to 1, from which agents are asked to stop.
  package var memory: Double

  package init(slow: Duration, stop: Duration, memory: Double) {
    self.slow = slow
    self.stop = stop
    self.memory = memory
  }
}
