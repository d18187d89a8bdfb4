import TidemarkConfiguration

@testable import TidemarkAdmin

/// A source that returns the given values.
struct SampleSource: AdminSource {
  var report = TidemarkAdminTests.report([lane("tidemark:{0}:changes", read: 7)])
  var reasons: [String] = []
  var isTurning = true
  /// Answers orders of `/api/tune`.
  var orders: @Sendable (TuneOrder) throws -> TuneChange = { _ in TuneChange(change: 1, undoes: nil, settings: []) }
  var exposition = "# HELP tidemark_up x\n"

  func status() async -> StatusReport { report }
  func reasonsNotReady() async -> [String] { reasons }
  func metrics() async -> String { exposition }
  func tuning() async throws -> TuneListing { TuneListing(SettingsInForce(try ConfigurationLoader(environment: [:]).load()), history: []) }
  func tune(_ order: TuneOrder) async throws -> TuneChange { try orders(order) }
  func isAlive() -> Bool { isTurning }
}
