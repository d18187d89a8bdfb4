import Foundation
import Testing

@testable import TidemarkClient

@Suite struct EventIdentifierTests {
  @Test func `ids are UUIDs of version 7 that rise with time`() {
    let early = EventIdentifier.make(now: Date(timeIntervalSince1970: 1_795_756_662.334))
    let later = EventIdentifier.make(now: Date(timeIntervalSince1970: 1_795_756_662.335))
    #expect(early < later)
    #expect(early.hasPrefix("01a21b70-1e3e-"))
    for id in [early, later] {
      #expect(UUID(uuidString: id) != nil)
      #expect(id.dropFirst(14).first == "7")
      #expect("89ab".contains(id.dropFirst(19).first ?? "x"))
    }
    #expect(Set((0..<1_000).map { _ in EventIdentifier.make() }).count == 1_000)
  }
}
