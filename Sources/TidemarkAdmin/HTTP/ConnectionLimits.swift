/// The limits on the number of connections of the HTTP server and on their times.
struct ConnectionLimits: Sendable {
  var total = 128
  var perPeer = 32
  /// The time from the connection, or its TLS handshake, to the end of the first request's header.
  var header = Duration.seconds(5)
  /// The time from a request's header until its answer is written, including the time of a slow reader.
  var answer = Duration.seconds(20)
  /// The time between an answer and the end of the next request's header; longer than the usual scrape interval.
  var idle = Duration.seconds(60)
}
