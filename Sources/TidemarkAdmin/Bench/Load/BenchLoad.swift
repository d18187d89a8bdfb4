/// What a measurement writes. The mix is that of the performance goals, the same as `ops/bench/load.py` makes.
package enum BenchLoad: String, Sendable, Encodable, CaseIterable {
  /// `message.appended` only.
  case messages
  /// 50 % messages, 20 % context over 20 keys a session, 12.5 % calls begun, 12.5 % ended, 5 % other.
  case mix
}
