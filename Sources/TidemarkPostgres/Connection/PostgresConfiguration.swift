internal import CLibPQ
package import TidemarkCore

/// How to reach one Postgres, and the limits of a session on it.
package struct PostgresConfiguration: Sendable {
  /// Longest wait for a lock, enforced by the server. Default 5 s.
  package var lockTimeout: Duration
  /// Longest statement, enforced by the server. Default 60 s.
  package var statementTimeout: Duration
  /// Longest pause inside a transaction, enforced by the server. Default 60 s.
  package var idleInTransactionTimeout: Duration
  /// Whether each statement is planned once, for a session that sends the same few again and again. Off by default.
  ///
  /// Left to itself Postgres plans a statement with array parameters anew each time, because it knows how long they are and hopes to gain by
  /// that; planning then takes longer than a small transaction. A plan that is kept must also suit a table that was empty when it was made:
  /// it has to go by indexes.
  package var keepsPlans = false
  /// Where the password is read from with each connection; nil: it stays what it is.
  package var passwordSource: PasswordSource?

  /// Whether a session that can't write is of no use, as with `target_session_attrs=read-write`, the default.
  let wantsWritable: Bool
  /// libpq's keywords and their values. Holds the password: never to be printed.
  let options: [String: String]

  /// What is set unless the URL says otherwise. 10/5/3 and 15 s find a dead peer in about 25 s instead of 2 hours.
  static let defaults: [String: String] = [
    "application_name": "tidemark",
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_count": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "target_session_attrs": "read-write",
    "tcp_user_timeout": "15000",
  ]

  /// Reads a URI (`postgresql://user@host1,host2/dbname?sslmode=require`) or a conninfo string (`host=/run/postgresql dbname=x`).
  ///
  /// - Parameter password: wins over one in the URL.
  /// - Throws: ``PostgresError`` of kind `.misuse`, in one line without anything of the URL's text.
  package init(
    url: String, password: String? = nil, lockTimeout: Duration = .seconds(5), statementTimeout: Duration = .seconds(60),
    idleInTransactionTimeout: Duration = .seconds(60)
  ) throws {
    var options = try Self.parse(url)
    try Self.refuseStrayPassword(url, options)
    if let password { options["password"] = password }
    options.merge(Self.defaults) { given, _ in given }
    // Everything that is sent is UTF-8. Neither the URL nor PGCLIENTENCODING knows better.
    options["client_encoding"] = "UTF8"
    wantsWritable = options["target_session_attrs"] == "read-write"
    // libpq would refuse a session whose role or database makes it read-only by default before the session can say otherwise.
    if wantsWritable { options["target_session_attrs"] = "primary" }
    self.options = options
    self.lockTimeout = lockTimeout
    self.statementTimeout = statementTimeout
    self.idleInTransactionTimeout = idleInTransactionTimeout
  }

  /// Host, port, database and user. Never a password.
  package var redactedDescription: String {
    let host = options["host"] ?? options["hostaddr"] ?? "the default host"
    let port = options["port"].map { ":\($0)" } ?? ""
    let database = options["dbname"].map { " database \($0)" } ?? ""
    let user = options["user"].map { " as \($0)" } ?? ""
    return host + port + database + user
  }

  /// The user named in the URL.
  package var user: String? { options["user"] }

  /// How long one host may take to answer. Nil: as long as the deadline allows (libpq takes 0 and less for that).
  ///
  /// Kept here since libpq ignores `connect_timeout` when connecting without blocking.
  var connectTimeout: Duration? {
    guard let seconds = options["connect_timeout"].flatMap({ Int($0) }), seconds > 0 else { return nil }
    return .seconds(seconds)
  }

  /// One set of options for each host of the list, in order. A host that swallows packets then costs its own timeout only.
  var attempts: [[String: String]] {
    var options = options
    if let password = passwordSource?.current() { options["password"] = password }
    let hosts = options["host"].map(Self.list)
    let addresses = options["hostaddr"].map(Self.list)
    let count = max(hosts?.count ?? 1, addresses?.count ?? 1)
    // "prefer-standby" makes two rounds over the whole list, which only libpq can do.
    guard count > 1, options["target_session_attrs"] != "prefer-standby" else { return [options] }
    let ports = options["port"].map(Self.list) ?? []
    // Let libpq complain about lists that don't match.
    guard hosts == nil || addresses == nil || hosts?.count == addresses?.count, ports.count <= 1 || ports.count == count else {
      return [options]
    }
    return (0..<count).map { index in
      var attempt = options
      if let hosts { attempt["host"] = hosts[index] }
      if let addresses { attempt["hostaddr"] = addresses[index] }
      if ports.count > 1 { attempt["port"] = ports[index] }
      return attempt
    }
  }

  private static func list(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  private static func parse(_ url: String) throws -> [String: String] {
    guard !url.utf8.contains(0) else { throw PostgresError(.misuse, "the Postgres URL holds a NUL") }
    var problem: UnsafeMutablePointer<CChar>?
    guard let parsed = PQconninfoParse(url, &problem) else {
      defer { PQfreemem(problem) }
      let reason = problem.map { withoutQuotations(String(cString: $0)) } ?? "out of memory"
      throw PostgresError(.misuse, "the Postgres URL is not valid: \(reason)")
    }
    defer { PQconninfoFree(parsed) }
    var options: [String: String] = [:]
    var option = parsed
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
      option += 1
    }
    return options
  }

  /// A password whose `@` or `/` is not percent-encoded makes libpq take its rest for the host, port or database, and those are
  /// printed by us and by libpq.
  private static func refuseStrayPassword(_ url: String, _ options: [String: String]) throws {
    let ports = list(options["port"] ?? "")
    guard ports.allSatisfy({ $0.isEmpty || UInt16($0) != nil }) else {
      throw PostgresError(.misuse, "the Postgres URL is not valid: a port is not a number (write / in a password as %2F)")
    }
    guard let scheme = ["postgresql://", "postgres://"].first(where: url.hasPrefix) else { return }
    // As libpq reads it: credentials end at the first @, unless a / comes before it.
    var place = url.dropFirst(scheme.count)
    if let end = place.firstIndex(where: { $0 == "@" || $0 == "/" }), place[end] == "@" { place = place[place.index(after: end)...] }
    guard !place.prefix(while: { $0 != "?" }).contains("@") else {
      throw PostgresError(.misuse, "the Postgres URL is not valid: a stray @ (write @ in a password as %40, / as %2F)")
    }
  }

  /// libpq quotes the part that it can't read, which in a mistyped URL may be the password.
  static func withoutQuotations(_ message: String) -> String {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    guard let first = line.firstIndex(of: "\""), let last = line.lastIndex(of: "\""), first != last else { return line }
    return line[..<first] + "(text withheld)" + line[line.index(after: last)...]
  }
}
