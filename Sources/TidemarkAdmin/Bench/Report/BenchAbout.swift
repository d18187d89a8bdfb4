/// The facts that are needed to compare two runs.
package struct BenchAbout: Sendable, Encodable {
  package var tidemark: String
  /// False for a debug build, whose figures are meaningless.
  package var isOptimized: Bool
  package var redis: String
  package var postgres: String
  package var postgresSettings: [String: String]
  /// The cores of the machine that ran the worker and wrote the load.
  package var cores: Int
  package var changes: Int
  package var sessions: Int
  package var lanes: Int
  package var batchMaxEntries: Int
  package var writers: Int
}
