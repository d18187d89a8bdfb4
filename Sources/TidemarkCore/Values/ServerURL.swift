/// The address of a server, which may contain a password. Only ``text`` contains it; every other view is redacted.
package struct ServerURL: Hashable, Sendable {
  /// The URL as it was written, including its password. Only for the connection.
  package let text: String

  package init(_ text: String) {
    self.text = text
  }

  /// The parts of the text after `://`, as they were written, not percent-decoded.
  package struct Parts: Equatable, Sendable {
    package var scheme: Substring
    package var user: Substring?
    package var password: Substring?
    package var host: Substring
    /// The path with its leading `/`, or empty.
    package var path: Substring
    /// The query without its leading `?`; nil if there is none.
    package var query: Substring?
  }

  /// The parts; nil for a text without `scheme://`, with a blank or a control character, and for a text in which the end of the password is
  /// ambiguous: one with an `@` outside the user part, which must be written `%40`, or with a parameter that has no `=`, where an `&` should
  /// be `%26`.
  package var parts: Parts? {
    guard let separator = text.firstRange(of: "://"),
      text.unicodeScalars.allSatisfy({ !$0.properties.isWhitespace && $0.properties.generalCategory != .control })
    else { return nil }
    let rest = text[separator.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let tail = rest[authority.endIndex...]
    let pieces = authority.split(separator: "@", omittingEmptySubsequences: false)
    guard pieces.count <= 2, !tail.contains("@"), !tail.contains("#") else { return nil }
    var parts = Parts(scheme: text[..<separator.lowerBound], host: pieces[pieces.count - 1], path: tail.prefix { $0 != "?" })
    if pieces.count == 2 {
      let credentials = pieces[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      parts.user = credentials[0].isEmpty ? nil : credentials[0]
      parts.password = credentials.count == 2 && !credentials[1].isEmpty ? credentials[1] : nil
    }
    if let question = tail.firstIndex(of: "?") {
      let query = tail[tail.index(after: question)...]
      guard Self.parameters(query).allSatisfy({ $0.value != nil }) else { return nil }
      parts.query = query
    }
    return parts
  }

  /// Whether the URL contains a password, in its user part or as a parameter. True if that is ambiguous.
  package var hasPassword: Bool {
    guard let parts else { return text.contains("@") || Self.namesSecret(text[...]) }
    return parts.password != nil || parts.query.map(Self.parameters)?.contains { Self.namesSecret($0.name) } == true
  }

  /// The URL with `***` instead of every password.
  package var redacted: String {
    guard let parts else { return Secret.mask }
    var shown = "\(parts.scheme)://"
    if parts.password != nil {
      shown += "\(parts.user ?? ""):\(Secret.mask)@"
    } else if let user = parts.user {
      shown += "\(user)@"
    }
    shown += "\(parts.host)\(parts.path)"
    guard let query = parts.query else { return shown }
    return shown + "?"
      + Self.parameters(query).map { name, value in
        "\(name)=\(Self.namesSecret(name) ? Secret.mask : String(value ?? ""))"
      }.joined(separator: "&")
  }

  static func parameters(_ query: Substring) -> [(name: Substring, value: Substring?)] {
    query.split(separator: "&", omittingEmptySubsequences: false).map { parameter in
      let sides = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (sides[0], sides.count == 2 ? sides[1] : nil)
    }
  }

  /// Returns whether a parameter is a secret. libpq takes `password` and `sslpassword` as parameters and decodes their names, so
  /// `p%61ssword` is one too. A percent-encoded name has no legitimate use.
  private static func namesSecret(_ name: Substring) -> Bool {
    let name = name.lowercased()
    return ["password", "passphrase", "secret", "%"].contains { name.contains($0) }
  }
}

extension ServerURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { redacted }
  package var debugDescription: String { redacted }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
