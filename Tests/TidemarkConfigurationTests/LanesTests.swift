import Testing
import TidemarkConfiguration
import TidemarkCore

@Suite struct LanesTests {
  @Test func itemsAreRead() throws {
    let yaml = """
      lanes:
        - streams: "orders:*:events"
        - { streams: audit, start: newest }
        - { streams: "jobs:?", start: 1795389463124-98 }
      """
    let loaded = try load(yaml)
    #expect(
      loaded.configuration.lanes == [
        LaneSetting(streams: "orders:*:events"), LaneSetting(streams: "audit", start: .newest),
        LaneSetting(streams: "jobs:?", start: .after(EntryID(ms: 1_795_389_463_124, no: 98))),
      ])
    #expect(loaded.configuration.lanes.map(\.item.isPattern) == [true, false, true])
  }

  @Test func theEnvironmentGivesThemAsYAML() throws {
    let loaded = try load(environment: ["TIDEMARK_LANES": "[{ streams: \"orders:*\", start: newest }]"])
    #expect(loaded.configuration.lanes == [LaneSetting(streams: "orders:*", start: .newest)])
    let again = try load(environment: ["TIDEMARK_LANES": try #require(loaded.settings.first { $0.key == "lanes" }?.value)])
    #expect(again.configuration == loaded.configuration)
    #expect(
      problems(environment: ["TIDEMARK_LANES": "orders:*"]) == [
        "environment TIDEMARK_LANES: lanes is \"orders:*\", not a list of maps; write a list of maps such as [{ streams: \"orders:*\" }]"
      ])
  }

  @Test(arguments: [
    ("lanes:\n  - start: oldest", "tidemark.yaml:2:5: lanes[0] has no streams; add streams: with a stream's name or a pattern"),
    ("lanes: [orders]", "tidemark.yaml:1:9: lanes[0] is \"orders\", not a map; write it as { streams: \"orders:*\" }"),
    (
      "lanes:\n  - streams: a\n    start: group:workers",
      "tidemark.yaml:3:12: lanes[0].start \"group:workers\" is not supported by this release; write oldest, newest or an entry id"
    ),
    (
      "lanes: [{ streams: a, start: soon }]",
      "tidemark.yaml:1:30: lanes[0].start is \"soon\", not a place in a stream; write oldest, newest or an entry id such as 1795389463124-98"
    ),
    (
      "lanes:\n  - streams: a\n    routes: []",
      "tidemark.yaml:3:5: lanes[0].routes belongs to custom routes, which this release does not support; remove it"
    ),
    ("lanes: [{ stream: a, streams: b }]", "tidemark.yaml:1:11: lanes[0].stream is not a setting; did you mean streams?"),
    (
      "lanes: [{ streams: a, colour: b }]",
      "tidemark.yaml:1:23: lanes[0].colour is not a setting; the settings of an item are streams and start"
    ),
    (
      "lanes: [{ streams: \"\" }]",
      "tidemark.yaml:1:20: lanes[0].streams is \"\", not a name; write a stream's name or a pattern such as \"orders:*\""
    ),
    (
      "lanes: [{ streams: \"a[b\" }]",
      "tidemark.yaml:1:20: lanes[0].streams has a [ that is never closed; close it with ], or write \\[ for the character itself"
    ),
    (
      "lanes:\n  - streams: \"orders:*\"\n  - streams: \"*:events\"",
      "tidemark.yaml:3:14: lanes[1].streams \"*:events\" matches streams that lanes[0].streams \"orders:*\" in line 2 matches too; make the patterns exclude each other"
    ),
    (
      "redis: { prefix: acme }\nlanes: [{ streams: \"acme:*:changes\" }]",
      "tidemark.yaml:2:20: lanes[0].streams \"acme:*:changes\" matches acme:{0}:changes, one of Tidemark's own streams; narrow the pattern, or choose another redis.prefix"
    ),
    (
      "lanes: [{ streams: \"tidemark:{1[0-5]}:requests\" }]",
      "tidemark.yaml:1:20: lanes[0].streams \"tidemark:{1[0-5]}:requests\" matches tidemark:{10}:requests, one of Tidemark's own streams; narrow the pattern, or choose another redis.prefix"
    ),
  ])
  func aWrongItemIsNamedWithItsPlaceAndItsMend(yaml: String, problem: String) {
    #expect(problems(yaml) == [problem])
  }

  @Test func everyKeyOfRoutesIsRefusedByName() {
    for key in ["expires", "trim", "unmatched", "json", "envelope", "routes"] {
      #expect(problems("lanes: [{ streams: a, \(key): 1 }]").count == 1)
    }
  }

  @Test func aPartitionBeyondTheConfiguredOnesIsFree() throws {
    #expect(try load("lanes: [{ streams: \"tidemark:{16}:changes\" }]").configuration.lanes.count == 1)
    #expect(try load("state: { enabled: false }\nlanes: [{ streams: \"*\" }]").configuration.lanes.count == 1)
  }
}
