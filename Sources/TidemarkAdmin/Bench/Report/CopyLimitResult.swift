/// The time of the drain's rows by binary COPY into empty copies of the drain's tables.
package struct CopyLimitResult: Sendable, Encodable {
  package enum Order: String, Sendable, Encodable, CaseIterable {
    case written, key
  }

  package enum Source: String, Sendable, Encodable {
    /// The server read the rows from its own disk.
    case serverFiles = "server_files"
    /// The rows were sent through the connection, from memory.
    case connection
  }

  package var source: Source
  package var secondsInWrittenOrder: Double
  package var secondsInKeyOrder: Double
  /// The faster order.
  package var order: Order
  package var seconds: Double
  package var changesPerSecond: Double

  init(changes: Int, source: Source, secondsInWrittenOrder: Double, secondsInKeyOrder: Double) {
    self.source = source
    self.secondsInWrittenOrder = secondsInWrittenOrder
    self.secondsInKeyOrder = secondsInKeyOrder
    order = secondsInKeyOrder < secondsInWrittenOrder ? .key : .written
    seconds = min(secondsInWrittenOrder, secondsInKeyOrder)
    changesPerSecond = Double(changes) / seconds
  }
}
