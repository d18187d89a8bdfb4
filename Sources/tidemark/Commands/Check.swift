import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Validates the configuration and checks both servers; says how to fix each problem.",
    discussion: "Exit code 0: no problem, or only warnings; 1: a problem; 2: the configuration is wrong.")

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Print findings as JSON.")
  var json = false

  @Option(name: .long, help: "Decode the last N entries of each lane and show their outcomes; writes nothing.")
  var sample: Int?

  @Flag(name: .long, help: "Print the reference page of all settings and exit.")
  var reference = false

  @Flag(name: .long, help: "Print the reference page of all metrics and exit.")
  var metrics = false

  func validate() throws {
    guard sample.map({ (1...10_000).contains($0) }) ?? true else { throw ValidationError("--sample: is not between 1 and 10000") }
  }

  func run() async throws {
    if reference { return Console.print(ConfigurationReference.markdown(), terminator: "") }
    if metrics { return Console.print(MetricCatalog.markdown(), terminator: "") }
    let loaded = try options.load()
    let composition = try Composition(loaded)
    var findings = loaded.warnings.map { Finding(.warning, "configuration", $0) }
    findings += try await composition.findings()
    if let sample, !findings.contains(where: { $0.subject == "redis" && $0.severity != .ok }) {
      findings += try await EntrySample(
        redis: composition.redis, lanes: composition.lanes.partitionLanes, routes: composition.routes, limits: composition.decodeLimits
      ).findings(last: sample)
    }
    if json {
      Console.print(try FindingText.json(findings))
    } else {
      for finding in findings { Console.print(FindingText.line(finding)) }
    }
    if findings.contains(where: { $0.severity != .ok && $0.severity != .warning }) { throw ExitCode(1) }
  }
}

/// Formats the findings of `check`.
enum FindingText {
  static func line(_ finding: Finding) -> String {
    let mark =
      switch finding.severity {
      case .ok: "ok      "
      case .warning: "warning "
      case .risk, .problem, .unreachable: "problem "
      }
    return mark + finding.description
  }

  static func json(_ findings: [Finding]) throws -> String {
    struct Row: Encodable {
      var severity: String
      var subject: String
      var text: String
      var hint: String?
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let rows = findings.map { Row(severity: $0.severity.rawValue, subject: $0.subject, text: $0.text, hint: $0.hint) }
    return ForeignText.json(String(decoding: try encoder.encode(["findings": rows]), as: UTF8.self))
  }
}
