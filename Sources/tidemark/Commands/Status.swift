import ArgumentParser
import TidemarkAdmin
import TidemarkCore

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows lanes, owners, cursors, lag, rates, accounting, and the source of each setting; needs no worker.",
    discussion: """
      LAG counts entries that are not committed; AGE is the age of the oldest one, in seconds. RATE is entries applied per second: since \
      the lane's last checkpoint, or with --watch over the last seconds. BY is the number of the lane's owner in the list of workers. A \
      question mark means that a value is unknown. --json has every counter of every lane.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  @Flag(name: .long, help: "Refresh every second until stopped.")
  var watch = false

  func run() async throws {
    let reader = try Composition(try options.load()).makeStatusReader()
    var rates = RateHistory()
    repeat {
      do {
        var report = try await reader.read()
        rates.measure(&report, at: .now)
        let text = json ? try report.json(pretty: !watch) : StatusTable(report).render(height: Console.height, isRepeated: watch)
        if watch, !json { Console.clear() }
        Console.print(text)
      } catch let error as SinkError {
        let failure = CommandFailure.found(error)
        guard watch else { throw failure }
        for line in failure.lines { Console.error(line) }
      }
      if watch, Console.isReadable { try await Task.sleep(for: .seconds(1)) }
    } while watch && Console.isReadable
  }
}
