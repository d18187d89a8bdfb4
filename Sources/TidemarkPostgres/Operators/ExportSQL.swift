/// The statements of the command `export`, for one schema.
struct ExportSQL: Sendable {
  static let cursor = "tidemark_export"

  let installation: String
  let places: String
  /// All sessions, or those that changed between two places, by id.
  let all: String
  let changed: String
  let chat: String
  let raw: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  init(schema name: String) throws {
    let schema = try PostgresIdentifier.quoted(name)
    installation = "SELECT id::text AS id FROM \(schema).installation"
    places = "SELECT \(schema).export_places()::text AS places"
    // With HOLD the list is kept by the server, and no snapshot that would keep VACUUM from its work.
    func declaring(_ source: String) -> String {
      """
      DECLARE \(Self.cursor) CURSOR WITH HOLD FOR
      SELECT s.session_id FROM \(source)
       WHERE s.session_id > $1 AND \(schema).is_exported(s, $2, $3, $4::double precision)
         AND ($5::timestamptz IS NULL OR s.started_at >= $5) AND ($6::timestamptz IS NULL OR s.started_at < $6)
       ORDER BY s.session_id
      """
    }
    all = declaring("\(schema).sessions AS s")
    changed = declaring("\(schema).changed_between($7::jsonb, $8::jsonb) AS c (id) JOIN \(schema).sessions AS s ON s.session_id = c.id")
    chat = "SELECT line FROM \(schema).export_chat($1::text[]) AS line"
    raw = "SELECT line FROM \(schema).export_raw($1::text[]) AS line"
  }
}
