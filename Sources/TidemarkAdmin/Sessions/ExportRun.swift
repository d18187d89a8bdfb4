package import TidemarkPostgres

/// An export of sessions, as `tidemark export` runs it: some at a time, so that its memory does not grow with their number.
///
/// Each session is exported as it is when its turn comes, which may be later than the cursor that the export returns. What changed in between is
/// exported again by the next one: nothing is ever left out, and what is the same twice replaces itself by its session.
package struct ExportRun: Sendable {
  package enum Refusal: Error, Sendable, Equatable {
    case noInstallation
    /// The cursor is of another installation.
    case otherInstallation
  }

  /// The bytes of sessions that are read at once, about, and their largest number.
  private static let page = (bytes: 1 << 20, sessions: 200)

  private let export: SessionExport
  private let filter: SessionExport.Filter
  private let format: SessionExport.Format
  private let limit: Int?

  package init(export: SessionExport, filter: SessionExport.Filter, format: SessionExport.Format, limit: Int?) {
    self.export = export
    self.filter = filter
    self.format = format
    self.limit = limit
  }

  /// Exports what changed after a cursor, or everything, and returns where the next export goes on; nil if `write` returned false.
  ///
  /// - Parameter write: writes some lines, and returns whether anybody reads them.
  /// - Throws: ``Refusal``, `SinkError`.
  package func run(since cursor: ExportCursor?, write: ([String]) -> Bool) async throws -> ExportCursor? {
    guard let installation = try await export.installation() else { throw Refusal.noInstallation }
    guard cursor.map({ $0.installation == installation }) ?? true else { throw Refusal.otherInstallation }
    let current = ExportCursor.places(json: try await export.places()) ?? [:]
    let later = cursor?.later ?? current
    let range = cursor?.earlier.map { (earlier: ExportCursor.json($0), later: ExportCursor.json(later)) }
    try await export.list(filter, between: range, after: cursor?.last ?? "")
    var count = 1
    var left = limit ?? .max
    while left > 0 {
      let sessions = try await export.next(min(count, left))
      guard let last = sessions.last else { break }
      let lines = try await export.lines(of: sessions, format)
      guard write(lines) else { return nil }
      left -= sessions.count
      let size = lines.reduce(1) { $0 + $1.utf8.count } / sessions.count
      count = min(max(1, Self.page.bytes / max(size, 1)), count * 2, Self.page.sessions)
      if left == 0, try await !export.next(1).isEmpty {
        return ExportCursor(installation: installation, earlier: cursor?.earlier, later: later, last: last)
      }
    }
    return ExportCursor(installation: installation, earlier: later)
  }
}
