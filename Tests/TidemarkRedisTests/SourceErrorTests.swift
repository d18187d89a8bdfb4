import Testing
import TidemarkCore

@testable import TidemarkRedis

@Suite("What an error of Redis means for the engine")
struct SourceErrorTests {
  private func kind(_ error: RedisError) -> SourceError.Kind { SourceError(error, address: "redis://host:6379/0").kind }

  @Test(
    "What passes by itself is unavailable and retried",
    arguments: [
      "LOADING Redis is loading the dataset in memory", "READONLY You can't write against a read only replica.",
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "CLUSTERDOWN The cluster is down",
      "BUSY Redis is busy running a script.", "OOM command not allowed when used memory > 'maxmemory'.",
      "TRYAGAIN Multiple keys request during rehashing of slot", "MISCONF Redis is configured to save RDB snapshots",
      "ERR max number of clients reached", "ERR something that nobody has thought of", "UNBLOCKED force unblock from blocking operation",
    ])
  func passing(message: String) {
    #expect(kind(RedisError(.server, message)) == .unavailable)
  }

  @Test(
    "What somebody must change is a misconfiguration",
    arguments: [
      "NOAUTH Authentication required.", "WRONGPASS invalid username-password pair or user is disabled.",
      "NOPERM this user has no permissions to run the 'xread' command", "NOPERM User agent has no permissions to run the 'scan' command",
      "DENIED Redis is running in protected mode", "ERR AUTH <password> called without any password configured for the default user.",
      "WRONGTYPE Operation against a key holding the wrong kind of value", "ERR DB index is out of range",
      "ERR unknown command 'XREAD', with args beginning with: ", "MOVED 3999 127.0.0.1:6381", "CROSSSLOT Keys in request don't hash",
    ])
  func refused(message: String) {
    #expect(kind(RedisError(.server, message)) == .misconfigured)
  }

  @Test("Losses and deadlines are unavailable; TLS, settings and an old server are misconfigurations")
  func codes() {
    for code in [RedisError.Code.connectFailed, .connectionClosed, .timedOut, .malformedReply, .replyTooLarge] {
      #expect(kind(RedisError(code, "x")) == .unavailable)
    }
    for code in [RedisError.Code.tls, .invalidConfiguration, .unsupportedServer] {
      #expect(kind(RedisError(code, "x")) == .misconfigured)
    }
  }
}
