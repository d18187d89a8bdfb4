internal import TidemarkCore

/// Answers `/api/tune`: GET lists the settings that can be tuned and their history, POST changes some of them.
struct TuneRoute: Sendable {
  static let path = "/api/tune"

  let access: AdminAccess
  let source: any AdminSource

  func answer(_ request: AdminRoutes.Request) async -> AdminRoutes.Answer {
    switch request.method {
    case "GET", "HEAD":
      guard access.allows(authorization: request.authorization) else { return .tokenRequired }
      return await answering { try await source.tuning().json() }
    case "POST":
      guard access.token != nil else {
        return .error(403, "changes require a token: set http.token_file and restart the worker, or use `tidemark tune`")
      }
      guard access.allowsChange(authorization: request.authorization) else { return .tokenRequired }
      guard let body = request.body else { return .error(413, "the body is larger than \(AdminRoutes.largestBody >> 10) KiB") }
      return await answering { try await source.tune(try TuneBody.order(body)).json() }
    default: return .notAllowed("GET, HEAD, POST")
    }
  }

  private func answering(_ body: () async throws -> String) async -> AdminRoutes.Answer {
    do {
      return .json(200, try await body())
    } catch let refusal as TuneRefusal {
      return .error(refusal.kind == .wrong ? 400 : 409, refusal.lines.joined(separator: "\n"))
    } catch let error as SinkError {
      return .error(503, "postgres: \(error.description)\(error.hint.map { "; \($0)" } ?? "")")
    } catch {
      return .error(500, "\(error)")
    }
  }
}
