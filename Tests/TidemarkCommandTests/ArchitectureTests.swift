import Foundation
import Testing

/// ARCHITECTURE.md says where to change what, so it must name nothing that was renamed, moved or removed.
@Suite struct ArchitectureTests {
  private static let names = Result { try PageNames(root: Documentation.root) }

  private static func text(of page: String) throws -> String {
    try String(contentsOfFile: "\(Documentation.root)/\(page)", encoding: .utf8)
  }

  @Test func everyPathAndTypeThatThePageNamesExists() throws {
    let page = try Self.text(of: "ARCHITECTURE.md")
    #expect(try Self.names.get().unknown(in: page) == [], "correct what ARCHITECTURE.md says of these")
  }

  @Test func theReadmeLinksThePage() throws {
    #expect(try Self.text(of: "README.md").contains("](ARCHITECTURE.md)"))
  }

  @Test func whatIsNowhereIsFound() throws {
    let page = """
      `TidemarkCore/Flow/LaneScheduler.swift` has `LaneScheduler.nextWork`, `any LaneLedger`, `Flow`, `XREAD`, `lease.ttl` and [a page](README.md#commands).
      `TidemarkCore/Flow/LaneTable.swift` has `LaneTable`, `LaneScheduler.nextRest`, `tidemark check > ops/none.md` and [none](none.md).
      """
    #expect(
      try Self.names.get().unknown(in: page)
        == ["TidemarkCore/Flow/LaneTable.swift", "LaneTable", "LaneScheduler.nextRest", "ops/none.md", "none.md"])
  }
}
