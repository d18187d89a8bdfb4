import Foundation
import Testing
import TidemarkCore

@testable import TidemarkAdmin

@Suite struct StatusReportTests {
  private func object(_ report: StatusReport) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(try report.json().utf8)) as? [String: Any])
  }

  @Test func `a lane has every key of the contract, and null for what is not known`() throws {
    let lanes = try #require(try object(report([lane("a", lag: nil)]))["lanes"] as? [[String: Any]])
    let lane = try #require(lanes.first)
    #expect(
      Set(lane.keys) == [
        "lane", "state", "since", "last_error", "hint", "entry_id", "incarnation", "owner", "fence", "lag_entries", "lag_seconds", "read",
        "applied", "duplicates", "divergent", "ephemeral", "skipped", "dead_letters", "dead_letters_open", "gaps_open", "missing",
        "baseline", "reread", "misrouted", "accounting_error", "read_per_second", "applied_per_second",
        "divergences_open", "verified_at", "verified_through",
      ])
    for unknown in ["last_error", "hint", "lag_entries", "lag_seconds", "read_per_second", "applied_per_second"] {
      #expect(lane[unknown] is NSNull, "\(unknown)")
    }
    #expect(lane["entry_id"] as? String == "1795389463124-98")
    #expect(lane["state"] as? String == "idle")
  }

  @Test func `workers and settings are there, and an unset setting is null`() throws {
    let worker = StatusReport.Worker(
      worker: "w1", host: nil, pid: 7, version: nil, startedAt: nil, seenAt: nil, isAlive: nil, shards: 64, lanes: nil)
    let object = try object(report([], workers: [worker]))
    #expect(
      Set(object.keys) == [
        "lanes", "workers", "settings", "at", "postgres", "redis", "unread_streams", "unknown_types", "tuning", "read_per_second",
        "applied_per_second",
      ])
    let workers = try #require(object["workers"] as? [[String: Any]])
    #expect(
      Set(workers[0].keys) == [
        "worker", "host", "pid", "version", "started_at", "seen_at", "alive", "shards", "lanes", "not_in_force", "tuning_refused",
      ])
    #expect(workers[0]["host"] is NSNull)
    let settings = try #require(object["settings"] as? [String: [String: Any]])
    #expect(settings["postgres.password"]?["value"] is NSNull)
    #expect(settings["batch.max_entries"]?["value"] as? String == "5000")
    #expect(settings["batch.max_entries"]?["source"] as? String == "default")
  }

  @Test func `rates are those of the lanes whose rate is known, together`() throws {
    var sample = report([lane("a"), lane("b"), lane("c")])
    #expect(try object(sample)["applied_per_second"] is NSNull && object(sample)["read_per_second"] is NSNull)
    for (index, rate) in [1.5, 0.1].enumerated() {
      sample.lanes[index].appliedPerSecond = rate
      sample.lanes[index].readPerSecond = rate * 2
    }
    #expect(try object(sample)["applied_per_second"] as? Double == 1.6)
    #expect(try object(sample)["read_per_second"] as? Double == 3.2)
    let lanes = try #require(try object(sample)["lanes"] as? [[String: Any]])
    #expect(lanes[0]["applied_per_second"] as? Double == 1.5 && lanes[0]["read_per_second"] as? Double == 3)
  }

  @Test func `a report survives being written and read`() throws {
    let report = report([lane("a", .halted, read: 3, lag: LaneLag(entries: 4, seconds: nil))])
    #expect(try JSONDecoder().decode(StatusReport.self, from: Data(try report.json(pretty: true).utf8)) == report)
  }

  @Test func `times are ISO 8601 in UTC`() {
    #expect(StatusReport.now().wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#) != nil)
  }
}
