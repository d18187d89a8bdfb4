import Foundation

/// The parts of the output of `bench --json` that tests use.
struct BenchOutput: Decodable {
  struct Drain: Decodable {
    struct Limit: Decodable {
      var source: String
      var seconds: Double
    }

    var load: String
    var changes: Int
    var tables: [String: Int]
    var limit: Limit
    var changesPerSecond: Double
    var ofLimit: Double
    var workerCpuSeconds: Double
    var workerPeakBytes: Int
  }

  struct Summary: Decodable {
    var count: Int
    var p50Microseconds: Double
    var p99Microseconds: Double
    var maxMicroseconds: Double
  }

  struct Round: Decodable {
    var roundTrips: [Summary]
  }

  struct Lag: Decodable {
    var rate: Int
    var lag: Summary
    var sentLate: Summary
    var p50InRoundTrips: Double
  }

  struct Sweep: Decodable {
    struct Point: Decodable {
      var maxEntries: Int
      var changesPerSecond: Double
      var lag: Summary
    }

    var points: [Point]
    var kneeMaxEntries: Int
    var advice: [String: String]
  }

  var rounds: [Round]
  var drains: [Drain]
  var lags: [Lag]
  var sweep: Sweep?

  init(_ json: String) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Self.self, from: Data(json.utf8))
  }
}
