internal import TidemarkCore

/// Answers requests: the routes and the rules of access, without a socket.
struct AdminRoutes: Sendable {
  struct Request: Sendable {
    var method: String
    /// The path without the query.
    var path: String
    var host: String?
    var authorization: String?
  }

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
    guard ["GET", "HEAD"].contains(request.method) else {
      var answer = Answer.text(405, "Only GET and HEAD.")
      answer.headers.append(("Allow", "GET, HEAD"))
      return answer
    }
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
      return isAllowed ? StatusPage.answer(status: 200) : Self.unauthorized(StatusPage.answer(status: 401))
    case "/api/status":
      guard access.allows(authorization: request.authorization) else {
        return Self.unauthorized(.json(401, #"{"error":"a token is required: send Authorization: Bearer TOKEN, see http.token_file"}"#))
      }
      return await status()
    default: return .text(404, "Not found. The paths are /, /metrics, /livez, /readyz and /api/status.")
    }
  }

  private func status() async -> Answer {
    do {
      return .json(200, try await source.status().json())
    } catch {
      return .json(500, "{\"error\":\(Self.list(["the status can't be written as JSON: \(error)"]))}")
    }
  }

  private static func unauthorized(_ answer: Answer) -> Answer {
    var answer = answer
    answer.headers.append(("WWW-Authenticate", "Bearer"))
    return answer
  }

  private static func list(_ texts: [String]) -> String {
    "[" + texts.map { JSONText.quoted($0) }.joined(separator: ",") + "]"
  }
}
