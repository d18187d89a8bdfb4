internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
package import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import TidemarkLog

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Serves the status page, metrics and probes until it is shut down.
package struct AdminServer: Service {
  private let settings: AdminSettings
  private let source: any AdminSource
  private let onListening: @Sendable (_ url: String) async -> Void
  private let logger: Logger
  var limits = ConnectionLimits()

  /// - Parameter onListening: receives the URL when the port is open; if the setting's port is 0, the URL has the chosen port.
  package init(
    settings: AdminSettings, source: any AdminSource, logger: Logger,
    onListening: @escaping @Sendable (_ url: String) async -> Void = { _ in }
  ) {
    self.settings = settings
    self.source = source
    self.logger = logger
    self.onListening = onListening
  }

  /// Runs the server.
  ///
  /// - Throws: ``AdminError`` if the port can't be opened or the certificate can't be used.
  package func run() async throws {
    let server = try makeServer()
    let responder = CallbackResponder<BasicRequestContext> { [routes = AdminRoutes(access: settings.access, source: source)] request, _ in
      await Self.respond(to: request, routes)
    }
    // The server's own log lines are about requests and connections; this type logs once that it listens.
    var quiet = logger
    quiet.logLevel = .critical
    let application = Application(
      responder: responder, server: server,
      configuration: ApplicationConfiguration(address: .hostname(settings.host, port: settings.port)),
      onServerRunning: { channel in
        let url = self.url(port: channel.localAddress?.port ?? settings.port)
        logger.log(.httpListening, [.url: "\(url)"])
        await onListening(url)
      }, logger: quiet)
    do {
      try await application.run()
    } catch let error as IOError {
      throw listening(error)
    } catch is SocketAddressError {
      throw AdminError("http.listen: the host \(settings.host) does not exist; correct it")
    }
  }

  private func makeServer() throws -> HTTPServerBuilder {
    let limiter = ConnectionLimiter(limits)
    @Sendable func http(_ responder: @escaping HTTPChannelHandler.Responder) -> HTTP1Channel {
      HTTP1Channel(
        responder: { request, writer, channel in
          defer { limiter.answered(channel) }
          try await responder(request, writer, channel)
        },
        configuration: .init(
          additionalChannelHandlers: [RequestWatch(limiter)],
          httpDecoderConfiguration: .init(maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100)))
    }
    guard let tls = settings.tls else {
      return HTTPServerBuilder { LimitedChannel(base: http($0), limiter: limiter) }
    }
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(tls.certificateFile)
      let key = try NIOSSLPrivateKey(file: tls.keyFile, format: .pem)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      configuration.minimumTLSVersion = .tlsv12
      return HTTPServerBuilder { [configuration] in
        LimitedChannel(base: try TLSChannel(http($0), tlsConfiguration: configuration), limiter: limiter)
      }
    } catch {
      throw AdminError(
        "http.tls: \(tls.certificateFile) and \(tls.keyFile) can't be used: \(error); "
          + "they must be a certificate and its key as PEM that this user may read")
    }
  }

  private static func respond(to request: Hummingbird.Request, _ routes: AdminRoutes) async -> Response {
    let answer = await routes.answer(
      AdminRoutes.Request(
        method: request.method.rawValue, path: request.uri.path, host: request.head.authority,
        authorization: request.headers[.authorization], body: await body(of: request)))
    var headers = HTTPFields()
    headers[.contentType] = answer.contentType
    headers[.contentLength] = String(answer.body.utf8.count)
    for (name, value) in answer.headers {
      if let name = HTTPFields.Element.Name(name) { headers[name] = value }
    }
    let body = request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: answer.body))
    return Response(status: .init(code: answer.status), headers: headers, body: body)
  }

  /// Returns the body of a request that may change something; nil if it is too large or ends early.
  private static func body(of request: Hummingbird.Request) async -> String? {
    guard request.method == .post else { return "" }
    guard let buffer = try? await request.body.collect(upTo: AdminRoutes.largestBody) else { return nil }
    return String(buffer: buffer)
  }

  private func url(port: Int) -> String {
    let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    return "\(settings.tls == nil ? "http" : "https")://\(host):\(port)/"
  }

  private func listening(_ error: IOError) -> AdminError {
    let place = "http.listen: \(settings.host):\(settings.port)"
    switch error.errnoCode {
    case EADDRINUSE: return AdminError("\(place) is in use by another program; stop it, or set http.listen to another port")
    case EACCES: return AdminError("\(place) may not be opened by this user; choose a port above 1023")
    case EADDRNOTAVAIL: return AdminError("\(place) is not an address of this machine; correct http.listen")
    default: return AdminError("\(place) can't be opened: \(error); correct http.listen")
    }
  }
}
