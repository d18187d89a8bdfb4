import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

/// The function library refuses what a worker would make a dead letter of, and nothing else. Only JSON is checked by the worker alone.
@Suite(.serialized) struct FunctionDecoderTests {
  private typealias Field = EntryGenerator.Field
  /// The fields that the function writes itself.
  private static let own = ["type", "session", "seq", "epoch"].map { Array($0.utf8) }
  private static let jsonRules = Dictionary(
    uniqueKeysWithValues: ChangeCatalog.builtIn.map { type in
      (Array(type.name.utf8), Set(type.fields.filter(\.isJSON).map { Array($0.name.utf8) }))
    })

  @Test func `generated changes are refused exactly where the worker would refuse them, and kept byte by byte`() async throws {
    try await withFunctions(started: (0..<5).map { "s\($0)" }) { functions in
      try await functions.command("HSET \(FunctionCalls.lane) max_entry_bytes 60000")
      var (taken, refused) = (0, 0)
      for seed in FuzzInputs(test: "functions", byDefault: 3_000) {
        var generator = EntryGenerator(seed: seed, .damaged)
        let generated = generator.entry()
        func given(_ name: String) -> [UInt8]? { generated.first { $0.name == Array(name.utf8) }?.value }
        let type = given("type") ?? []
        let session = "s\(generator.random.below(5))"
        // An event id that was seen is no question of the entry.
        let fields = generated.filter { !Self.own.contains($0.name) }.map { field -> Field in
          field.name == Array("event_id".utf8) && field.value.count < 500 && !field.value.isEmpty
            ? (field.name, field.value + Array("-\(seed)".utf8)) : field
        }
        let reply = try await functions.call(
          "append", session, [.bytes(type), "-"] + fields.flatMap { [RedisArgument.bytes($0.name), .bytes($0.value)] })
        let own: [Field] = [(Self.own[0], type), (Self.own[1], Array(session.utf8))]
        let numbers: [Field] = [(Self.own[2], Array("1".utf8)), (Self.own[3], Array("1795389463124".utf8))]
        let rejection = Self.rejection(of: own + fields + numbers)
        if let change = reply.change {
          taken += 1
          if let rejection, rejection.reason != .badJSON { Issue.record("seed \(seed): taken, but \(rejection)") }
          let entry = try await functions.command("XRANGE \(FunctionCalls.changes) \(change.entryID) \(change.entryID)")
          let stored = entry.elements?.first?.elements?.last?.elements ?? []
          let expected = (own + fields).flatMap { [RedisReply.bulk($0.name), .bulk($0.value)] }
          if Array(stored.prefix(expected.count)) != expected { Issue.record("seed \(seed): other bytes are in the lane") }
          continue
        }
        let refusal = reply.refusal ?? ""
        // An id that is too long to be made unique.
        if refusal == "CONFLICT event_id" { continue }
        refused += 1
        #expect(refusal.hasPrefix("INVALID "), "seed \(seed): \(refusal)")
        // Where JSON is bad as well, the decoder may have named it first: it is asked again without.
        if rejection == nil || rejection?.reason == .badJSON && Self.rejection(of: Self.withGoodJSON(own + fields + numbers)) == nil {
          Issue.record("seed \(seed): refused with \(refusal)")
        }
      }
      #expect(taken > 300 && refused > 300, "\(taken) taken, \(refused) refused")
    }
  }

  private static func rejection(of fields: [Field]) -> Rejection? {
    var decoder = EntryDecoder(limits: EntryDecoder.Limits(maxEntryBytes: 60_000, replacesNUL: false))
    var decoded = DecodedEntry()
    // About the time at which the function runs.
    let block = EntryGenerator.block([fields], firstMilliseconds: UInt64(SystemClock().milliseconds))
    do throws(Rejection) {
      try decoder.decode(block.entries[0], of: block, into: &decoded)
      return nil
    } catch {
      return error
    }
  }

  private static func withGoodJSON(_ fields: [Field]) -> [Field] {
    let type = fields[0].value
    return fields.map { field in
      let isPrefixed = type.starts(with: "session.".utf8) && field.name.starts(with: "meta.".utf8) && field.name.count > 5
      guard !field.value.isEmpty, isPrefixed || jsonRules[type]?.contains(field.name) == true else { return field }
      return (field.name, Array("[]".utf8))
    }
  }

  /// The numbers at the edges of bigint, numeric and double precision.
  @Test func `numbers are taken and refused as by the worker`() async throws {
    let numbers = [
      "", "0", "-0", "00", "007", "-007", "+1", "1", "-", "--1", " 1", "1 ", "1.", ".5", "1.5", "-1.5", "1e3", "1E+3", "1e-3", "1e", "1e+",
      "1e1.5",
      "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "0009223372036854775807",
      "99999999999999999999", "0x1F", "NaN", "nan", "Infinity", "-inf", "1e308", "1.7976931348623157e308", "1.7976931348623159e308",
      "1e309",
      "5e-324", "2e-324", "1e-400", "0e-400", "0e400", "1e131071", "1e131072", "1e-16383", "1e-16384", "0.1e-16382", "0.1e-16383",
      "0e1073741822", "0e1073741823", "0e-1073741823", "1e99999999999999999999", "0e99999999999999999999", "1,5", "1_000", "0.0e5",
      "0.00012",
      String(repeating: "9", count: 131_072), String(repeating: "9", count: 131_073), "0." + String(repeating: "1", count: 16_384), "1e5x",
      "١", "1\n",
    ]
    let places: [(String, [Field])] = [
      ("message.appended", [(Array("parts".utf8), Array("[]".utf8)), (Array("tokens".utf8), [])]),
      ("tool.finished", [(Array("call_id".utf8), [99]), (Array("status".utf8), Array("ok".utf8)), (Array("cost".utf8), [])]),
      ("outcome.recorded", [(Array("label".utf8), []), (Array("score".utf8), [])]), ("x", [(Array("v".utf8), [])]),
      ("x", [(Array("ts".utf8), [])]),
    ]
    try await withFunctions { functions in
      for (type, place) in places {
        for number in numbers + ["978307200000", "978307199999", "253402300799999", "253402300800000", "1700000000000"] {
          var fields = place
          fields[fields.count - 1].value = Array(number.utf8)
          let reply = try await functions.call(
            "append", "s", [.text(type), "-"] + fields.flatMap { [RedisArgument.bytes($0.name), .bytes($0.value)] })
          let entry: [Field] = [(Self.own[0], Array(type.utf8)), (Self.own[1], [115])] + fields
          var decoder = EntryDecoder(limits: EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: false))
          var decoded = DecodedEntry()
          let block = EntryGenerator.block([entry], firstMilliseconds: UInt64(SystemClock().milliseconds))
          var rejection: Rejection?
          do throws(Rejection) { try decoder.decode(block.entries[0], of: block, into: &decoded) } catch { rejection = error }
          #expect((reply.change != nil) == (rejection == nil), "\(type) \(number.prefix(40)): \(reply) \(String(describing: rejection))")
          // In the worker's words.
          if let rejection, let refusal = reply.refusal {
            let name = String(decoding: fields[fields.count - 1].name, as: UTF8.self)
            #expect(refusal == "INVALID \(name): " + rejection.detail.dropFirst("the field \(name) ".count), "\(type) \(number.prefix(40))")
          }
        }
      }
    }
  }
}
