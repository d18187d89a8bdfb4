@testable import TidemarkAdmin

/// A source that returns the given values.
struct SampleSource: AdminSource {
  var report = TidemarkAdminTests.report([lane("tidemark:{0}:changes", read: 7)])
  var reasons: [String] = []
  var isTurning = true
  var exposition = "# HELP tidemark_up x\n"

  func status() async -> StatusReport { report }
  func reasonsNotReady() async -> [String] { reasons }
  func metrics() async -> String { exposition }
  func isAlive() -> Bool { isTurning }
}
