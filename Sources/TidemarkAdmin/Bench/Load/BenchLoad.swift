/// The kind of changes that a measurement writes. The mix is that of the performance goals, as in `ops/bench/load.py`.
package enum BenchLoad: String, Sendable, Encodable, CaseIterable {
  /// Only `message.appended`.
  case messages
  /// 50 % messages, 20 % context over 20 keys per session, 12.5 % calls started, 12.5 % calls finished, 5 % other.
  case mix
}
