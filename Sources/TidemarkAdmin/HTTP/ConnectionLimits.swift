/// How many connections the HTTP server keeps, and how long each may take.
struct ConnectionLimits: Sendable {
  var total = 128
  var perPeer = 32
  /// From the connection, or its TLS, to the end of the first request's header.
  var header = Duration.seconds(5)
  /// From a request's header until its answer is written, a slow reader's time among it.
  var answer = Duration.seconds(20)
  /// Between an answer and the end of the next request's header; longer than the usual interval of scrapes.
  var idle = Duration.seconds(60)
}
