import Foundation
import Synchronization
import Testing
import TidemarkTestKit

/// Several workers of one installation share its lanes.
@Suite(.serialized) struct SharedLanesTests {
  private static let lanes = (0..<16).map { "tidemark:{\($0)}:changes" }
  /// A query for the number of lanes of each owner, ascending.
  private static let parts = """
    select string_agg(n::text, '|' order by n) from (select count(*) as n from tidemark.lanes where owner is not null group by owner) as t
    """
  /// The leases last a minute, so no move of a lane can result from an expired or renewed lease; each move follows a notification.
  private static let settings = ["state.partitions": "16", "lease.ttl": "60s"]

  @Test func threeWorkersShareTheLanesAndOneThatStopsHandsItsLanesOnAtOnce() async throws {
    try await withProduct(Self.settings) { product in
      var workers: [TidemarkProcess] = []
      for parts in ["16", "8|8", "5|5|6"] {
        workers.append(try await product.startWorker())
        try await product.waitFor(parts, Self.parts, within: .seconds(15))
      }
      // The query includes shards without lanes.
      try await product.waitFor(
        "21|21|22", "select string_agg(n::text, '|' order by n) from (select count(*) as n from tidemark.leases group by worker) as t")
      #expect(try await workers.removeFirst().stop() == 0)
      try await product.waitFor("8|8", Self.parts, within: .seconds(15))
      for lane in Self.lanes { try await product.addMessages(3, session: lane, to: lane) }
      try await product.waitUntilCaughtUp(Self.lanes)
      #expect(try await product.value("select count(*) from tidemark.changes") == "48")
      #expect(try await product.disorders() == [])
      for worker in workers { #expect(try await worker.stop() == 0) }
      #expect(try await product.value("select count(worker) from tidemark.leases") == "0")
    }
  }

  @Test func whenOneIsKilledTheOthersTakeItsLanesOver() async throws {
    try await withProduct(["state.partitions": "16"]) { product in
      var workers: [TidemarkProcess] = []
      for _ in 0..<3 { workers.append(try await product.startWorker()) }
      try await product.waitFor("5|5|6", Self.parts)
      await workers.removeFirst().kill()
      try await product.waitFor("8|8", Self.parts)
      for lane in Self.lanes { try await product.addMessages(3, session: lane, to: lane) }
      try await product.waitUntilCaughtUp(Self.lanes)
      #expect(try await product.disorders() == [])
      for worker in workers { #expect(try await worker.stop() == 0) }
    }
  }

  @Test func aRollingRestartUnderLoadLosesAndRepeatsNothing() async throws {
    try await withProduct(Self.settings) { product in
      var workers: [TidemarkProcess] = []
      for _ in 0..<3 { workers.append(try await product.startWorker()) }
      try await product.waitFor("5|5|6", Self.parts)
      let load = SteadyLoad(product: product, lanes: Self.lanes)
      let writing = Task { try await load.write() }
      defer { load.stop() }
      for index in workers.indices {
        #expect(try await workers[index].stop() == 0)
        workers[index] = try await product.startWorker()
        try await product.waitFor("5|5|6", Self.parts)
      }
      load.stop()
      let written = try await writing.value
      try await product.waitUntilCaughtUp(Self.lanes)
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "\(written)|\(written)")
      #expect(try await product.value("select count(*) from tidemark.changes") == "\(written)")
      #expect(try await product.disorders() == [])
      #expect(try await product.discrepancies() == [])
      #expect(try await product.value("select sum(reread_total + duplicates_total + dead_letters_total) from tidemark.lanes") == "0")
      for worker in workers { #expect(try await worker.stop() == 0) }
    }
  }
}

/// Writes messages to all lanes, in portions, until it is stopped.
private final class SteadyLoad: Sendable {
  private let product: Product
  private let lanes: [String]
  private let isOver = Atomic(false)

  init(product: Product, lanes: [String]) {
    self.product = product
    self.lanes = lanes
  }

  func stop() { isOver.store(true, ordering: .relaxed) }

  /// Returns the number of messages that it wrote, numbered from 1.
  func write() async throws -> Int {
    var written = 0
    while !isOver.load(ordering: .relaxed) {
      let lines = (written + 1...written + 160).map {
        "XADD \(lanes[$0 % lanes.count]) * type message.appended session s-\($0 % 40) role user content \"message \($0)\" tokens \($0)"
      }
      _ = try await product.redis.commands(lines.joined(separator: "\n") + "\n")
      written += lines.count
    }
    return written
  }
}
