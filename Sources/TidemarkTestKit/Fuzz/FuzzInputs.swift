import Foundation

/// The inputs of a fuzzing test, each made from a seed of its own: how many there are and where the seeds begin comes from the environment.
///
/// `TIDEMARK_FUZZ_INPUTS` of them (else so few that any test run can afford them), from `TIDEMARK_FUZZ_SEED` on (else 1): the input of
/// seed 7 alone is `TIDEMARK_FUZZ_SEED=7 TIDEMARK_FUZZ_INPUTS=1`.
package struct FuzzInputs: Sequence, IteratorProtocol {
  private var seed: UInt64
  private var left: Int
  /// Where the seed under way is kept: of a crash nothing else remains.
  private let trace: FileHandle?

  /// - Parameter test: names the trace in the folder `TIDEMARK_FUZZ_TRACE`.
  package init(test: String, byDefault count: Int) {
    let environment = ProcessInfo.processInfo.environment
    left = environment["TIDEMARK_FUZZ_INPUTS"].flatMap { Int($0) } ?? count
    seed = environment["TIDEMARK_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
    trace = environment["TIDEMARK_FUZZ_TRACE"].flatMap { folder in
      let path = "\(folder)/\(test)"
      return FileManager.default.createFile(atPath: path, contents: nil) ? FileHandle(forWritingAtPath: path) : nil
    }
  }

  package mutating func next() -> UInt64? {
    guard left > 0 else { return nil }
    left -= 1
    defer { seed &+= 1 }
    if let trace {
      // Of one width, so that it overwrites the one before.
      let digits = String(seed)
      let line = String(repeating: " ", count: Swift.max(0, 20 - digits.count)) + digits + "\n"
      try? trace.seek(toOffset: 0)
      try? trace.write(contentsOf: Data(line.utf8))
    }
    return seed
  }
}
