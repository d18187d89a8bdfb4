internal import TidemarkCore

/// Answers requests: the routes and the rules of access, without a socket.
struct AdminRoutes: Sendable {
  struct Request: Sendable {
    var method: String
    /// The path without the query.
    var path: String
    var host: String?
    var authorization: String?
    /// The body, which is read for requests that change something; nil if it is too large.
    var body: String? = ""
  }

  /// The largest body of a request, in bytes.
  static let largestBody = 64 << 10

  struct Answer: Sendable {
    var status: Int
    var contentType: String
    var body: String
    var headers: [(name: String, value: String)] = []

    static func text(_ status: Int, _ text: String) -> Answer {
      Answer(status: status, contentType: "text/plain; charset=utf-8", body: text + "\n")
    }

    static func json(_ status: Int, _ json: String) -> Answer {
      Answer(status: status, contentType: "application/json", body: json + "\n")
    }
  }

  let access: AdminAccess
  let source: any AdminSource

  func answer(_ request: Request) async -> Answer {
    var answer = await route(request)
    answer.headers += [
      ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"),
      ("X-Frame-Options", "DENY"), ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    if !answer.headers.contains(where: { $0.name == "Content-Security-Policy" }) {
      answer.headers.append(("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"))
    }
    return answer
  }

  private func route(_ request: Request) async -> Answer {
    guard access.allows(host: request.host) else {
      return .text(403, "This server answers only to localhost and to the host of http.listen, not to \(request.host ?? "").")
    }
    if request.path == TuneRoute.path { return await TuneRoute(access: access, source: source).answer(request) }
    guard ["GET", "HEAD"].contains(request.method) else { return .notAllowed("GET, HEAD") }
    switch request.path {
    case "/metrics":
      return Answer(status: 200, contentType: ExpositionText.contentType, body: await source.metrics())
    case "/livez": return source.isAlive() ? .text(200, "ok") : .text(503, "the worker is not making progress")
    case "/readyz":
      let reasons = await source.reasonsNotReady()
      return .json(reasons.isEmpty ? 200 : 503, "{\"reasons\":\(Self.list(reasons))}")
    case "/":
      // Without a token the page itself is still served: it contains no data, and asks for the token.
      let isAllowed = access.allows(authorization: request.authorization)
      return isAllowed ? StatusPage.answer(status: 200) : StatusPage.answer(status: 401).askingForToken
    case "/api/status":
      guard access.allows(authorization: request.authorization) else { return .tokenRequired }
      return await status()
    default: return .text(404, "Not found. The paths are /, /metrics, /livez, /readyz, /api/status and /api/tune.")
    }
  }

  private func status() async -> Answer {
    do {
      return .json(200, try await source.status().json())
    } catch {
      return .error(500, "the status can't be written as JSON: \(error)")
    }
  }

  static func list(_ texts: [String]) -> String {
    "[" + texts.map { JSONText.quoted($0) }.joined(separator: ",") + "]"
  }
}

extension AdminRoutes.Answer {
  static func error(_ status: Int, _ text: String) -> AdminRoutes.Answer { .json(status, "{\"error\":\(JSONText.quoted(text))}") }

  /// The answer to a request without the token.
  static var tokenRequired: AdminRoutes.Answer {
    error(401, "a token is required: send Authorization: Bearer TOKEN, see http.token_file").askingForToken
  }

  /// - Parameter methods: those that the path has.
  static func notAllowed(_ methods: String) -> AdminRoutes.Answer {
    var answer = text(405, "Only \(methods).")
    answer.headers.append(("Allow", methods))
    return answer
  }

  var askingForToken: AdminRoutes.Answer {
    var answer = self
    answer.headers.append(("WWW-Authenticate", "Bearer"))
    return answer
  }
}
