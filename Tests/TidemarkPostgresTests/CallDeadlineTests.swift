import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct CallDeadlineTests {
  private static let late = PostgresError(.timeout, "no answer")

  @Test(arguments: [Duration.milliseconds(100), .seconds(60), .seconds(3600)])
  func `the client gives up after the server does, whatever the server's limit is`(limit: Duration) {
    let deadline = CallDeadline(statementTimeout: limit, first: limit + .seconds(30), patience: .seconds(30))
    #expect(deadline.limit() > limit)
    #expect(deadline.limit(statements: 7) == deadline.limit() || limit < .seconds(5))
  }

  @Test func `after attempts that were given up all that the server allows is allowed, and no more`() {
    var deadline = CallDeadline(statementTimeout: .seconds(60), first: .seconds(90), patience: .seconds(30))
    #expect(deadline.limit(statements: 6) == .seconds(90))
    deadline.ended(Self.late)
    #expect(deadline.limit(statements: 6) == .seconds(180))
    for _ in 0..<100 { deadline.ended(Self.late) }
    #expect(deadline.limit(statements: 6) == .seconds(390))
    #expect(deadline.limit() == .seconds(90))
    // A connection that is refused says nothing of the server's pace.
    deadline.ended(PostgresError(.connection, "refused"))
    #expect(deadline.limit(statements: 6) == .seconds(390))
    deadline.ended(PostgresError(.server("23505"), ""))
    #expect(deadline.limit(statements: 6) == .seconds(90))
    deadline.ended(Self.late)
    deadline.ended(nil)
    #expect(deadline.limit(statements: 6) == .seconds(90))
  }

  @Test func `a query of the sink begins with its own deadline`() {
    var deadline = CallDeadline(statementTimeout: .seconds(60), first: .seconds(15), patience: .seconds(30))
    #expect(deadline.limit() == .seconds(15))
    for _ in 0..<3 { deadline.ended(Self.late) }
    #expect(deadline.limit() == .seconds(90))
  }

  @Test func `our own deadline is never the fault of a record, the server's own limit may be`() {
    for isUnderWay in [true, false] {
      #expect(SinkError(Self.late, isUnderWay: isUnderWay).kind == .fault(.world))
      var cancelled = PostgresError(.server("57014"), "canceling statement due to user request")
      #expect(SinkError(cancelled, isUnderWay: isUnderWay).kind == .fault(.interrupted))
      cancelled.kind = .timeout
      #expect(SinkError(cancelled, isUnderWay: isUnderWay).kind == .fault(.world))
    }
    #expect(SinkError(PostgresError(.connection, "lost", sqlstate: "57P01"), isUnderWay: true).kind == .fault(.interrupted))
  }

  @Test(arguments: [1, 60, 3600]) func `a writer waits longer than its server's limit`(seconds: Int) async throws {
    var configuration = try PostgresConfiguration(url: "postgresql://nowhere")
    configuration.statementTimeout = .seconds(seconds)
    let sink = try SinkFixture.makeSink(configuration)
    let writer = try #require(try sink.makeWriter() as? PostgresWriter)
    #expect(await writer.deadline.limit() >= .seconds(seconds + 30))
    #expect(sink.settings.commitDeadline >= .seconds(seconds + 30))
  }
}
