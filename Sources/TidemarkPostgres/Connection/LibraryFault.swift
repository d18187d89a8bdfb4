/// Tells what libpq itself refuses from what happens on the way to a server: the first stays as it is until a person changes a setting or a file, so that
/// waiting is in vain.
///
/// libpq has no code for either. It speaks English here, since a program that does not call `setlocale` has the C locale, and it begins whatever
/// happened with a server with `connection to server` (libpq 14 and later) or `could not connect to server` (before).
enum LibraryFault {
  /// What may pass, although it does not begin so.
  private static let passing = ["could not translate host name", "out of memory", "could not create socket", "timeout expired"]
  /// What is libpq's own, although a server was asked first: the files of TLS, which it reads when the server agrees to it.
  private static let files = [
    "root certificate file \"", "could not read root certificate", "could not open certificate file", "could not read certificate file",
    "could not load private key", "could not read private key", "private key file \"", "certificate present, but not private key",
    "could not load SSL certificate", "certificate does not match private key",
  ]

  /// What a person can do about a failed attempt to connect that only libpq had to do with. Nil for any other.
  static func fix(for message: String) -> String? {
    let isOfServer = ["connection to server", "could not connect to server"].contains { message.hasPrefix($0) }
    if isOfServer { return files.contains { message.contains($0) } ? "correct sslrootcert, sslcert or sslkey in postgres.url" : nil }
    if passing.contains(where: { message.contains($0) }) { return nil }
    if message.contains("service") { return "correct service in postgres.url, or its file (PGSERVICEFILE, ~/.pg_service.conf)" }
    if message.contains("local user") { return "name the user in postgres.url: this process runs under an id that has no name" }
    if message.contains("sslmode") { return "write sslmode in postgres.url as disable, allow, prefer, require, verify-ca or verify-full" }
    return "correct postgres.url"
  }
}
