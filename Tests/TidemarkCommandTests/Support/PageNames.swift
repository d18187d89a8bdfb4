import Foundation

/// The paths and the Swift types that a page names in backquotes, and the targets of its links, compared with the repository.
///
/// A path begins at the top of the repository, or in `Sources` or `Tests`. A word with a capital and a small letter is a type, a type with
/// members, or a folder. Whatever else stands in backquotes is not compared: SQL, settings, commands, events.
struct PageNames {
  private let root: URL
  private var folders: Set<String> = ["Sources", "Tests"]
  /// For each type, the texts of the files that declare or extend it.
  private var texts: [String: [String]] = [:]

  init(root: String) throws {
    self.root = URL(fileURLWithPath: root)
    for top in ["Sources", "Tests"] {
      let files = FileManager.default.enumerator(at: self.root.appending(path: top), includingPropertiesForKeys: nil)
      for file in (files?.allObjects ?? []).compactMap({ $0 as? URL }) {
        if file.hasDirectoryPath { folders.insert(file.lastPathComponent) }
        guard file.pathExtension == "swift" else { continue }
        let text = try String(contentsOf: file, encoding: .utf8)
        let types = text.matches(of: /(?:struct|class|actor|enum|protocol|typealias|extension) ([A-Z][\w.]*)/)
          .flatMap { $0.1.split(separator: ".").map { String($0) } }
        for type in Set(types) { texts[type, default: []].append(text) }
      }
    }
  }

  /// Returns what the page names and the repository does not have, in the order of the page.
  func unknown(in page: String) -> [String] {
    let outsideOfBlocks = page.components(separatedBy: "```").enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
    return outsideOfBlocks.flatMap { text in
      let words = text.matches(of: /`([^`\n]+)`/).flatMap { $0.1.split(separator: " ").map { String($0) } }
      let targets = text.matches(of: /\]\(([^)#:]+)(?:#[^)]*)?\)/).map { String($0.1) }
      return words.filter { !isKnown($0) } + targets.filter { !exists($0) }
    }
  }

  private func isKnown(_ word: String) -> Bool {
    if word.contains("/") || word.hasSuffix(".md") || word.hasSuffix(".swift") { return exists(word) }
    guard word.wholeMatch(of: /[A-Z][\w.]*/) != nil, word.contains(where: \.isLowercase), !folders.contains(word) else { return true }
    let parts = word.split(separator: ".").map { String($0) }
    guard let texts = texts[parts[0]] else { return false }
    return parts.dropFirst().allSatisfy { member in texts.contains { Self.declares(member, in: $0) } }
  }

  private static func declares(_ member: String, in text: String) -> Bool {
    ["func", "var", "let", "case", "struct", "enum"].contains { keyword in
      text.ranges(of: "\(keyword) \(member)").contains { range in
        let next = range.upperBound < text.endIndex ? text[range.upperBound] : " "
        return !next.isLetter && !next.isNumber && next != "_"
      }
    }
  }

  private func exists(_ path: String) -> Bool {
    ["", "Sources", "Tests"].contains { FileManager.default.fileExists(atPath: root.appending(path: $0).appending(path: path).path) }
  }
}
