import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkCore
@testable import TidemarkPostgres

/// What we write in Postgres' binary formats is what Postgres reads.
@Suite struct BinaryFormatTests {
  private static let columns = [
    Destination.Column("name"), Destination.Column("n", "bigint"), Destination.Column("at", "timestamptz"),
    Destination.Column("flag", "boolean"), Destination.Column("body", "jsonb"),
  ]
  private static let types: [BinaryType] = [.text, .bigint, .timestamptz, .boolean, .jsonb]

  /// A batch with a row for each of its cells' combinations, `text` in the first and the last column.
  private static func batch(_ texts: [String?]) -> ChangeBatch {
    var batch = ChangeBatch(destinations: [Destination("public.t", .append, key: 1, columns)])
    func made(_ text: String?) -> Cell {
      guard let text else { return .null }
      batch.made += text.utf8
      return .made(start: batch.made.count - text.utf8.count, length: UInt32(text.utf8.count))
    }
    let numbers: [Cell] = [.integer(0), .integer(.min), .integer(.max), .null]
    let times: [Cell] = [.time(0), .time(253_402_300_799_999), .time(1_795_389_463_124), .null]
    let flags: [Cell] = [.boolean(true), .boolean(false), .null]
    for (row, text) in texts.enumerated() {
      batch.rowSets[0].cells += [
        made(text), numbers[row % 4], times[row % 4], flags[row % 3], made(text.map { #"{"text":"\#($0)"}"# }),
      ]
      batch.rowSets[0].entries.append(0)
    }
    return batch
  }

  private static let texts: [String?] = ["", "a", nil, "Zürich\t東京\n", String(repeating: "x", count: 400_000), "b", "c", "d"]

  private static func expectRows(_ connection: PostgresConnection, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let rows = try await connection.query(
      "select name, n::text, extract(epoch from at)::text, flag::text, body ->> 'text' from public.t order by ordinal", deadline: generous)
    let expected: [[String?]] = texts.enumerated().map { row, text in
      [
        text, ["0", "\(Int64.min)", "\(Int64.max)", nil][row % 4],
        ["0.000000", "253402300799.999000", "1795389463.124000", nil][row % 4], ["true", "false", nil][row % 3],
        text,
      ]
    }
    let read = (0..<rows.rowCount).map { row in (0..<5).map { rows.string(row, $0) } }
    #expect(read == expected, sourceLocation: sourceLocation)
  }

  private static func table(on server: PostgresServer) async throws -> PostgresConnection {
    let connection = try await connect(to: server)
    try await connection.script(
      """
      create table public.t
        (ordinal bigint generated always as identity, name text, n bigint, at timestamptz, flag boolean, body jsonb)
      """, deadline: generous)
    return connection
  }

  @Test func `rows by binary COPY arrive as they are, small and larger than a piece of the stream`() async throws {
    try await withPostgres { server in
      let connection = try await Self.table(on: server)
      // A tab and a line break are no JSON within a string.
      let batch = Self.batch(Self.texts.map { $0?.replacing("\t", with: "\\t").replacing("\n", with: "\\n") })
      let copied = try await connection.copyIn("copy public.t (name, n, at, flag, body) from stdin (format binary)", deadline: generous) {
        try CopyBinary.write(
          batch.rowSets[0], order: batch.rowSets[0].entries.indices.map { RowSet.Ordered(row: $0) }, types: Self.types, of: batch, to: &$0)
      }
      #expect(copied == Self.texts.count)
      try await connection.script(
        "update public.t set name = replace(replace(name, '\\t', e'\\t'), '\\n', e'\\n')", deadline: generous)
      try await Self.expectRows(connection)
    }
  }

  @Test func `arrays in binary arrive as they are`() async throws {
    try await withPostgres { server in
      let connection = try await Self.table(on: server)
      let batch = Self.batch(Self.texts.map { $0?.replacing("\t", with: "\\t").replacing("\n", with: "\\n") })
      let arrays = BatchParameters(batch: batch).columns(
        of: batch.rowSets[0], order: batch.rowSets[0].entries.indices.map { RowSet.Ordered(row: $0) }, types: Self.types)
      _ = try await connection.query(
        """
        insert into public.t (name, n, at, flag, body)
        select replace(replace(name, '\\t', e'\\t'), '\\n', e'\\n'), n, at, flag, body
          from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::boolean[], $5::jsonb[]) as u (name, n, at, flag, body)
        """, arrays, deadline: generous)
      try await Self.expectRows(connection)
    }
  }

  @Test func `empty arrays and arrays of NULL are arrays`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let result = try await connection.query(
        "select cardinality($1::bigint[])::text || cardinality($2::bytea[])::text || ($3::bigint[])::text || ($4::bytea[])::text",
        [.integerArray([]), .byteaArray([]), .integerArray([nil, 7, nil]), .byteaArray([nil, [], [1]])], deadline: generous)
      #expect(result.string(0, 0) == #"00{NULL,7,NULL}{NULL,"\\x","\\x01"}"#)
    }
  }
}
