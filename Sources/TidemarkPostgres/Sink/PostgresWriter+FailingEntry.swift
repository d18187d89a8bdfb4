package import TidemarkCore

/// A COPY that failed, and the entry whose row it names.
struct FailedLine: Error {
  var error: PostgresError
  /// Index into the batch's entries.
  var entry: Int
  /// Which part of the rows the server had looked at.
  var progress: Double
}

/// Finds out whose fault a failure is: trials that are rolled back.
extension PostgresWriter {
  /// Runs a COPY of rows whose entries are told by `entry`, row by row as they are sent.
  func naming(_ rowCount: Int, entry: (Int) -> Int, of copy: () async throws -> Void) async throws {
    do {
      try await copy()
    } catch let error as PostgresError {
      guard case .server(let state) = error.kind, FaultClass.concernsOneRow(state), let line = error.copyLine, 1...rowCount ~= line else {
        throw error
      }
      throw FailedLine(error: error, entry: entry(line - 1), progress: Double(line) / Double(rowCount))
    }
  }

  package func dryRun(_ batch: ChangeBatch) async throws -> Bool {
    do {
      try await connect()
      let outcomes = try await tryExactly(batch.applied, BatchParameters(batch: batch))
      return outcomes.count < batch.applied.count
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }

  /// What `apply_exactly` says of these entries alone.
  private func tryExactly(_ entries: [Int], _ parameters: BatchParameters) async throws -> [EntryOutcome] {
    let exact = parameters.exact(entries, statements: statements.map(\.row), window: settings.dedupeWindow, isolating: false)
    do {
      let results = try await connection.pipeline(
        [begin, PostgresStatement(sql: sql.applyExactly, name: "apply_exactly", parameters: exact)],
        deadline: deadline.limit(statements: 2))
      await connection.rollback()
      return results.last.map { parameters.outcomes(entries, $0, schema: settings.schema) } ?? []
    } catch {
      await connection.rollback()
      throw error
    }
  }

  /// The line says who, `apply_exactly` says why: so the dead letter is the same as if it had found it, and an entry that it would
  /// take or find to be a duplicate is not cut out. Nil: it is not certain.
  func failingEntry(_ line: FailedLine, of batch: ChangeBatch) async -> FailingEntry? {
    guard !batch.sharesEventID(line.entry) else { return nil }
    let outcomes = try? await tryExactly([line.entry], BatchParameters(batch: batch))
    guard case .rejected(let rejection) = outcomes?.first?.kind,
      rejection.sqlstate == line.error.sqlstate
    else { return nil }
    return FailingEntry(entry: line.entry, rejection: rejection, progress: line.progress)
  }
}
