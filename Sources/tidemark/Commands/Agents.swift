import ArgumentParser
import TidemarkAdmin
import TidemarkCore

struct Agents: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sample agents that write a realistic load to the built-in lanes.",
    discussion: "Sessions are named sample-AGENT-ID, which distinguishes them from real sessions.")

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .long, help: "The number of agents, each with one session at a time.")
  var agents = 20

  @Option(name: .long, help: "Changes per second, of all agents together.")
  var rate = 200

  @Option(name: .long, help: "How many seconds to write for. Default: until stopped.")
  var seconds: Int?

  @Option(name: .long, help: "The seed of the random generator; two runs with one seed write the same changes.")
  var seed: UInt64?

  func validate() throws {
    guard (1...100_000).contains(agents) else { throw ValidationError("--agents: is not between 1 and 100000") }
    guard (1...1_000_000).contains(rate) else { throw ValidationError("--rate: is not between 1 and 1000000") }
    guard seconds.map({ $0 > 0 }) ?? true else { throw ValidationError("--seconds: is not above 0") }
  }

  func run() async throws {
    let composition = try Composition(try options.load())
    let agents = SampleAgents(
      redis: composition.redis, lanes: BuiltInLanes(prefix: composition.prefix, partitions: composition.partitions),
      load: SampleAgents.Load(
        agents: agents, rate: rate, duration: seconds.map { .seconds($0) }, seed: seed ?? .random(in: .min ... .max)))
    do {
      try await agents.run()
      Console.note("wrote \(agents.written) changes")
    } catch let error as Finding {
      throw CommandFailure.found(error.description)
    }
  }
}
