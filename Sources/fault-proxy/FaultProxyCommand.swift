import ArgumentParser
import Foundation
import TidemarkTestKit

/// A fault proxy as a process: commands come as lines on standard input, answers and events go as lines to standard output.
@main
struct FaultProxyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fault-proxy",
    abstract: "A TCP proxy that misbehaves on command.",
    discussion: """
      Prints `listening PORT`, then answers each command with one line, `ok` or `error WHY`, and prints events (lines that begin with \
      `event `) as they happen. The end of standard input or SIGTERM ends it.

        clear                     no fault for what comes; connections that lost bytes are reset
        delay MILLISECONDS        every segment is delivered that much later, in order
        segments BYTES            what passes is written in segments of BYTES at most
        swallow                   half-open: connections stay, not one byte passes; `clear` resets them
        refuse                    new connections are reset at once
        reset                     all open connections are ended by RST
        truncate DIRECTION BYTES  exactly BYTES more pass, then the connection is ended by RST
        lose DIRECTION TEXT       the segment that completes TEXT is lost, and its connection; event `lost DIRECTION TEXT`
        hold DIRECTION TEXT       the segment that completes TEXT is held, and all behind it; event `held DIRECTION TEXT`
        go                        what is held passes on
        connections               answers `ok N`

      DIRECTION is `up` (client to server) or `down`; TEXT is the rest of the line.
      """)

  @Option(help: "The server behind it, HOST:PORT.")
  var to: Endpoint

  @Option(help: "Where it listens, HOST:PORT; port 0 is a free one.")
  var listen = Endpoint(host: "127.0.0.1", port: 0)

  func run() async throws {
    let proxy = FaultProxy(to: to.host, to.port) { Self.print("event \($0)") }
    try await proxy.start(host: listen.host, port: listen.port)
    Self.print("listening \(proxy.port)")
    let (lines, feed) = AsyncStream<String>.makeStream()
    // A thread of its own, since reading a line blocks.
    Thread.detachNewThread {
      while let line = readLine() { feed.yield(line) }
      feed.finish()
    }
    signal(SIGTERM, SIG_IGN)
    let termination = DispatchSource.makeSignalSource(signal: SIGTERM)
    termination.setEventHandler { feed.finish() }
    termination.resume()
    for await line in lines {
      do {
        let command = try FaultCommand(line: line)
        let connections = await proxy.apply(command)
        Self.print(command == .connections ? "ok \(connections)" : "ok")
      } catch {
        Self.print("error \(error)")
      }
    }
    termination.cancel()
    await proxy.close()
  }

  /// One write a line: a script sees it at once, and lines of the commands and of the proxy do not mix.
  private static func print(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
  }
}
