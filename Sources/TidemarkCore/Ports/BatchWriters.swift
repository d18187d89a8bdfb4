/// Makes the connections over which batches are committed.
package protocol BatchWriters: Sendable {
  /// Creates a connection for committing batches. It does not connect yet.
  func makeWriter() throws -> any ChangeWriter
}
