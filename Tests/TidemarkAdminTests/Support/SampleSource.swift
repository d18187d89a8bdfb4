@testable import TidemarkAdmin

/// Says what it is told to say.
struct SampleSource: AdminSource {
  var report = TidemarkAdminTests.report([lane("tidemark:{0}:changes", read: 7)])
  var reasons: [String] = []
  var isTurning = true

  func status() async -> StatusReport { report }
  func reasonsNotReady() async -> [String] { reasons }
  func metrics() async -> String { "# HELP tidemark_up x\n" }
  func isAlive() async -> Bool { isTurning }
}
