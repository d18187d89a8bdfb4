import Testing
import TidemarkCore

@testable import TidemarkAdmin
@testable import TidemarkEngine

@Suite struct ReadinessTests {
  private func readiness(_ status: WorkerStatus?, _ change: (inout Readiness) -> Void = { _ in }) -> Readiness {
    var readiness = Readiness(worker: status, leaseTTL: .seconds(10), patience: .seconds(2))
    change(&readiness)
    return readiness
  }

  @Test func `a worker whose lanes flow, wait for company or are paused is ready`() {
    let lanes = [lane("a", .reading), lane("b", .idle), lane("c", .paused)]
    #expect(readiness(worker(lanes)).reasons == [])
  }

  @Test func `lanes that are halted make it not ready, with one reason for those that share it`() {
    var lanes = (0..<5).map { lane("lane\($0)", .halted) } + [lane("ok", .reading)]
    for index in 0..<4 { (lanes[index].lastError, lanes[index].hint) = ("permission denied", "grant it") }
    lanes[4].lastError = "1000 dead letters in a row"
    #expect(
      readiness(worker(lanes)).reasons == [
        "lanes: lane4 halted: 1000 dead letters in a row",
        "lanes: 4 lanes (lane0, lane1, lane2, ...) halted: permission denied; grant it",
      ])
  }

  @Test func `what keeps leases, lanes and marks from moving makes it not ready`() {
    var status = worker([])
    status.leaseError = "permission denied for view connected_workers; grant it"
    status.acquisitionErrors = ["NOPERM this user has no permissions to run the 'xrange' command"]
    status.marksError = "NOPERM this user has no permissions to run the 'hset' command"
    let reasons = readiness(status).reasons
    #expect(reasons.count == 3)
    #expect(reasons[0].hasPrefix("leases: ") && reasons[0].contains("connected_workers"))
    #expect(reasons.contains { $0.hasPrefix("lanes: ") && $0.contains("'xrange'") })
    #expect(reasons.contains { $0.hasPrefix("marks: ") && $0.contains("'hset'") })
  }

  @Test func `lanes of the installation that nobody owns make every worker not ready`() {
    let reasons = readiness(worker([])) { $0.unowned = .init(count: 16, names: ["a", "b", "c"]) }.reasons
    #expect(reasons.count == 1)
    #expect(reasons.first?.hasPrefix("lanes: 16 lanes (a, b, c, ...) had no owner for longer than 20 s; start workers") == true)
    #expect(readiness(worker([])) { $0.unowned = .init(count: 0, names: []) }.reasons == [])
  }

  @Test func `a server that is away is the only reason`() {
    var status = worker([lane("a", .halted)], redisError: "connection refused")
    status.acquisitionErrors = ["connection refused"]
    #expect(readiness(status) { $0.redisProblem = "redis: connection refused" }.reasons == ["redis: connection refused"])
    #expect(readiness(nil).reasons.count == 1)
  }
}
