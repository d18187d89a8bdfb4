/// What the agents of a built-in lane are told.
package struct LanePressure: Sendable, Equatable {
  package var lane: String
  package var level: PressureLevel
  /// Who tells them: told nothing where the lane's marks bear another id.
  package var installation: InstallationID

  package init(lane: String, level: PressureLevel, installation: InstallationID) {
    self.lane = lane
    self.level = level
    self.installation = installation
  }
}
