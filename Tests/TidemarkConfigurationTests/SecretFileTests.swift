import Testing

@testable import TidemarkConfiguration

@Suite struct SecretFileTests {
  private static let variable = ["TIDEMARK_POSTGRES_PASSWORD_FILE": "/run/secret"]

  @Test func aSecretKnowsTheFileThatItWasReadFrom() throws {
    let loaded = try load(environment: Self.variable, files: ["/run/secret": "first\n"])
    #expect(loaded.configuration.postgres.password?.value == "first")
    #expect(loaded.secretFile(of: "postgres.password")?.path == "/run/secret")
    #expect(loaded.secretFile(of: "redis.password") == nil)
    #expect(try load(environment: ["TIDEMARK_POSTGRES_PASSWORD": "first"]).secretFile(of: "postgres.password") == nil)
    // A setting that is not a secret is read once.
    #expect(try load(environment: ["TIDEMARK_LOG_LEVEL_FILE": "/level"], files: ["/level": "debug"]).secretFile(of: "log.level") == nil)
  }

  @Test func aRotatedPasswordNeedsNoRestart() throws {
    let old = try load(environment: Self.variable, files: ["/run/secret": "first"])
    let new = try load(environment: Self.variable, files: ["/run/secret": "second"])
    #expect(new.changes(from: old).isEmpty)
    #expect(try old.reloading(new).secretFile(of: "postgres.password")?.path == "/run/secret")
    let elsewhere = try load(environment: ["TIDEMARK_POSTGRES_PASSWORD_FILE": "/other"], files: ["/other": "first2"])
    #expect(elsewhere.changes(from: old).needsRestart == ["postgres.password"])
  }

  @Test func aFileIsReadAsItIsNow() {
    #expect(SecretFile("/a", fileSystem: MemoryFileSystem(files: ["/a": "x\n"])).read() == "x")
    #expect(SecretFile("/a", fileSystem: MemoryFileSystem(files: ["/a": "x\n\n"])).read() == "x\n")
    #expect(SecretFile("/a", fileSystem: MemoryFileSystem(files: ["/a": "\n"])).read() == nil)
    #expect(SecretFile("/a", fileSystem: MemoryFileSystem()).read() == nil)
    #expect(SecretFile("/a", fileSystem: MemoryFileSystem(files: ["/a": "x"], locked: ["/a"])).read() == nil)
  }
}
