import Testing
import TidemarkConfiguration

@testable import TidemarkAdmin

@Suite struct AdminSettingsTests {
  private struct Files: ConfigurationFileSystem {
    var files: [String: String] = [:]

    func contents(of path: String) throws(UnreadableFile) -> [UInt8]? {
      if path == "/locked" { throw UnreadableFile(reason: "permission denied") }
      return files[path].map { Array($0.utf8) }
    }
  }

  private func settings(_ listen: String, token: String? = nil, file: String? = nil) throws -> AdminSettings? {
    var http = Configuration().http
    http.listen = try #require(ListenAddress(listen))
    http.tokenFile = token
    return try AdminSettings(http, files: Files(files: file.map { ["/token": $0] } ?? [:]))
  }

  @Test func `off means no server`() throws {
    #expect(try settings("off") == nil)
  }

  @Test func `loopback needs no token and everything else does`() throws {
    #expect(try settings("127.0.0.1:9847")?.access.isLoopback == true)
    #expect(try settings("[::1]:9847")?.host == "::1")
    let error = #expect(throws: AdminError.self) { try settings("0.0.0.0:9847") }
    #expect(
      error?.description
        == "http.listen: 0.0.0.0:9847 can be reached from other machines, which requires a token; "
        + "set http.token_file, or listen on 127.0.0.1")
    #expect(try settings("0.0.0.0:9847", token: "/token", file: "0123456789abcdef\n")?.access.token == "0123456789abcdef")
  }

  @Test func `a token that is missing, unreadable, short or more than a line is refused`() {
    for (path, file, reason) in [
      ("/token", nil, "there is no /token"), ("/locked", nil, "permission denied"), ("/token", "short", "at least 16"),
      ("/token", "0123456789abcdef\n0123456789abcdef", "one line"), ("/token", "", "at least 16"),
    ] as [(String, String?, String)] {
      let error = #expect(throws: AdminError.self) { try settings("127.0.0.1:1", token: path, file: file) }
      #expect(error?.description.contains(reason) == true, "\(reason)")
      #expect(error?.description.contains("0123456789") == false)
    }
  }

  @Test func `beyond loopback any name may be used, but not without the token`() {
    let access = AdminAccess(isLoopback: false, host: "0.0.0.0", token: "0123456789abcdef")
    #expect(access.allows(host: "tidemark.example.org"))
    #expect(!access.allows(authorization: nil))
    #expect(access.allows(authorization: "Bearer 0123456789abcdef"))
    #expect(!AdminAccess(isLoopback: false, host: "0.0.0.0", token: nil).allows(authorization: "Bearer "))
  }
}
