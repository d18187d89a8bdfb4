import Foundation
import Testing
import TidemarkConfiguration

@Suite struct ReferenceTests {
  @Test func thePageIsThatOfTheSchema() throws {
    let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../ops/configuration.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    #expect(text == ConfigurationReference.markdown(), "write it again: tidemark check --reference > ops/configuration.md")
  }

  @Test func everySettingIsExplained() {
    let page = ConfigurationReference.markdown()
    for key in ConfigurationSchema.keys {
      #expect(page.contains("### `\(key.path)`\n\n`\(key.environmentName)`"), "\(key.path)")
      #expect(key.documentation.hasSuffix(".") && key.documentation.count > 20, "\(key.path)")
    }
  }
}

@Suite struct LocalFileSystemTests {
  @Test func filesAreReadAndMissingOnesAreNone() throws {
    let files = LocalFileSystem()
    #expect(try files.contents(of: #filePath)?.isEmpty == false)
    #expect(try files.contents(of: #filePath + ".none") == nil)
    #expect(try files.contents(of: #filePath + "/none") == nil)
    #expect(throws: UnreadableFile.self) { try files.contents(of: "/") }
  }
}
