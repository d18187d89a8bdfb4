internal import CLibPQ

extension PostgresWire {
  /// One statement in the extended protocol, results as text.
  func query(_ sql: String, _ parameters: [PostgresValue]) throws -> PostgresResult {
    try ParameterBlock.check(parameters)
    let isSent = ParameterBlock.with(parameters) { block in
      PQsendQueryParams(handle, sql, block.count, block.types, block.values, block.lengths, block.formats, 0) == 1
    }
    guard isSent else { throw sendFailure() }
    guard let result = try drain().last else { throw PostgresError(.misuse, "the server sent no result") }
    return result
  }

  /// Several statements in the simple protocol.
  func script(_ sql: String) throws -> [PostgresResult] {
    guard PQsendQuery(handle, sql) == 1 else { throw sendFailure() }
    return try drain()
  }

  /// All statements in one flight, with one Sync at the end. Throws the first failure after everything was read.
  func pipeline(_ statements: [PostgresStatement]) throws -> [PostgresResult] {
    for (index, statement) in statements.enumerated() { try ParameterBlock.check(statement.parameters, statement: index) }
    // Before anything is sent: a name used twice must not leave half a pipeline behind.
    var bookkeeping = prepared
    let plans = try statements.map { try bookkeeping.plan($0) }
    prepared = bookkeeping
    guard PQenterPipelineMode(handle) == 1 else { throw sendFailure() }
    for (statement, plan) in zip(statements, plans) { try send(statement, plan) }
    guard PQpipelineSync(handle) == 1 else { throw sendFailure() }
    let results = try receive(statements, plans)
    guard PQexitPipelineMode(handle) == 1 else { throw sendFailure() }
    return try results.get()
  }

  private func send(_ statement: PostgresStatement, _ plan: PreparedStatements.Plan) throws {
    let (isSent, size) = ParameterBlock.with(statement.parameters) { block in
      (send(statement, plan, block), block.lengths.reduce(0) { $0 + Int($1) })
    }
    guard isSent else { throw sendFailure() }
    // libpq has sent what the socket takes and buffers the rest: bounds that to about one statement.
    if size > 1 << 20 { try flush() }
  }

  private func send(_ statement: PostgresStatement, _ plan: PreparedStatements.Plan, _ block: borrowing ParameterBlock) -> Bool {
    switch plan {
    case .plain: PQsendQueryParams(handle, statement.sql, block.count, block.types, block.values, block.lengths, block.formats, 0) == 1
    case .prepare(let name):
      PQsendPrepare(handle, name, statement.sql, block.count, block.types) == 1 && sendPrepared(name, block)
    case .execute(let name): sendPrepared(name, block)
    }
  }

  private func sendPrepared(_ name: String, _ block: borrowing ParameterBlock) -> Bool {
    PQsendQueryPrepared(handle, name, block.count, block.values, block.lengths, block.formats, 0) == 1
  }

  /// Reads up to the Sync. The inner failure is the server's; what is thrown has broken the connection.
  private func receive(
    _ statements: [PostgresStatement], _ plans: [PreparedStatements.Plan]
  ) throws -> Result<[PostgresResult], PostgresError> {
    var results: [PostgresResult] = []
    results.reserveCapacity(statements.count)
    var failure: PostgresError?
    for (index, plan) in plans.enumerated() {
      if case .prepare = plan {
        let outcome = try readOne(index, &failure)
        if outcome == nil { prepared.forget(statements[index].name) }
      }
      if let result = try readOne(index, &failure) { results.append(result) }
      if failure?.statementIndex == index, failure?.sqlstate == "0A000" {
        // Its plan no longer fits its tables: prepare it anew.
        prepared.forget(statements[index].name)
      }
    }
    guard let last = try nextResult() else { throw unexpected() }
    defer { PQclear(last) }
    guard PQresultStatus(last) == PGRES_PIPELINE_SYNC else { throw unexpected() }
    if let failure { return .failure(failure) }
    return .success(results)
  }

  /// The results of one message sent, up to the nil that ends them. Nil when it failed or was skipped after a failure.
  private func readOne(_ index: Int, _ failure: inout PostgresError?) throws -> PostgresResult? {
    var outcome: PostgresResult?
    while let result = try nextResult() {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: outcome = PostgresResult(result)
      case PGRES_PIPELINE_ABORTED: break
      case PGRES_PIPELINE_SYNC, PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: throw unexpected()
      default:
        var error = try serverError(result)
        error.statementIndex = index
        failure = failure ?? error
      }
    }
    return outcome
  }

  private func unexpected() -> PostgresError {
    isBroken = true
    return PostgresError(.misuse, "the pipeline's answers do not match its statements; connection dropped")
  }
}
