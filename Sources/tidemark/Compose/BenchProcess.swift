import Foundation
import TidemarkAdmin
import TidemarkServers

/// A benchmark's worker: this executable, started as `tidemark run` with the user's configuration and the benchmark's settings over it.
struct BenchProcess: BenchWorker {
  private let process: SupervisedProcess
  private let log: String

  /// - Parameter sources: the flags that name the sources of settings, as this process received them.
  static func start(_ sources: [String], settings: [String: String]) async throws -> BenchProcess {
    let log = "\(try await ScratchSpace.current().folder("worker"))/stderr"
    let pairs = settings.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] }
    var command = SupervisedProcess.Command(
      executable: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
      arguments: ["run", "--listen", "off"] + sources + pairs, standardOutput: "/dev/null", standardError: log)
    command.inheritsEnvironment = true
    command.workingDirectory = FileManager.default.currentDirectoryPath
    // An orphaned worker must be killed at once, because the benchmark removes its schema.
    command.signalOnOrphan = "KILL"
    let process = try await SupervisedProcess.launch(command)
    return BenchProcess(process: process, log: log)
  }

  func usage() -> WorkerUsage {
    // The name in parentheses may contain any character; user and system time are the 12th and 13th numbers after it.
    let stat = text("/proc/\(process.pid)/stat")
    let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ").dropFirst()
    let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
    let peak = text("/proc/\(process.pid)/status").split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    let kibibytes = peak.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    return WorkerUsage(cpuSeconds: ticks / Double(sysconf(Int32(_SC_CLK_TCK))), peakBytes: kibibytes << 10)
  }

  func waitForEnd() async -> String? {
    // The wait for the process can't be cancelled, but a wait for a stream can.
    let (ends, end) = AsyncStream<Void>.makeStream()
    Task {
      await process.waitForExit()
      end.yield()
      end.finish()
    }
    for await _ in ends {
      let lines = text(log).split(separator: "\n")
      let words = lines.last { $0.hasPrefix("tidemark: ") }?.dropFirst("tidemark: ".count) ?? lines.last ?? "without a word"
      return String(words)
    }
    return nil
  }

  func stop() async { await process.stop() }

  private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
