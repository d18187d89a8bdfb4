/// The pressure to publish to the agents of a lane.
package struct LanePressure: Sendable, Equatable {
  package var lane: String
  package var level: PressureLevel
  /// The installation that publishes. The pressure is not written where the lane's marks bear another id.
  package var installation: InstallationID
  /// What the function library is told beside the pressure.
  package var functions: FunctionSettings

  package init(lane: String, level: PressureLevel, installation: InstallationID, functions: FunctionSettings = FunctionSettings()) {
    self.lane = lane
    self.level = level
    self.installation = installation
    self.functions = functions
  }
}
