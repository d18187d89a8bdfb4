/// The newest link of a lane's chain of seals, as it stands outside of Postgres: in Redis, and in files of operators.
package struct SealHead: Sendable, Hashable {
  package var lane: String
  /// The number of the last sealed change.
  package var throughNo: Int64
  /// 32 bytes.
  package var link: [UInt8]

  package init(lane: String, throughNo: Int64, link: [UInt8]) {
    self.lane = lane
    self.throughNo = throughNo
    self.link = link
  }

  /// The text in Redis and in files: the number and the link in hexadecimal digits, such as `42:9f86d0...`.
  package var text: String { "\(throughNo):\(Hex.text(link))" }

  /// Returns nil for a text that is none.
  package init?(lane: String, text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let no = Int64(parts[0]), no >= 0, let link = Hex.bytes(parts[1].utf8), link.count == 32 else { return nil }
    self.init(lane: lane, throughNo: no, link: link)
  }
}
