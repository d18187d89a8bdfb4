import Testing

@testable import TidemarkCore

@Suite struct RouteTableTests {
  @Test func `the built-in routes compile`() throws {
    let table = try RouteTable(catalog: ChangeCatalog.builtIn, routes: BuiltInRoutes.all)
    #expect(table.destinations == RouteTable.builtIn.destinations)
  }

  private static let catalog = [
    ChangeType("note.written", [FieldRule("text"), FieldRule("size", .integer)]), ChangeType("note.removed", [], jsonPrefix: "why."),
  ]

  private static func error(_ route: Route) -> RouteError.Problem? {
    do throws(RouteError) {
      _ = try RouteTable(catalog: catalog, routes: [route])
      return nil
    } catch {
      return error.problem
    }
  }

  private static func table(_ columns: String..., key: Int = 1) -> Destination {
    Destination("notes", .append, key: key, columns.map { Destination.Column($0) })
  }

  @Test func `a route that names an unknown type or field is an error, and never a column of NULL or a condition that always holds`() {
    let notes = Self.table("session_id", "text")
    #expect(Self.error(Route(["note.written"], with: "size", into: notes, [.session, .field("text")])) == nil)
    #expect(Self.error(Route(["note.lost"], into: notes, [.session, .null])) == .unknownType("note.lost"))
    #expect(
      Self.error(Route(["note.written"], into: notes, [.session, .field("txet")])) == .unknownField("txet", type: "note.written"))
    #expect(
      Self.error(Route(["note.written"], into: notes, [.session, .fieldOr("txet", default: "")]))
        == .unknownField("txet", type: "note.written"))
    // The first type has the field, the second one does not.
    #expect(
      Self.error(Route(["note.written", "note.removed"], into: notes, [.session, .field("text")]))
        == .unknownField("text", type: "note.removed"))
    #expect(
      Self.error(Route(["note.written"], with: "sise", into: notes, [.session, .null])) == .unknownField("sise", type: "note.written"))
    #expect(
      Self.error(Route(["note.written"], without: "sise", into: notes, [.session, .null]))
        == .unknownField("sise", type: "note.written"))
    #expect(Self.error(Route(["note.written"], into: notes, [.session, .prefixed])) == .noPrefix(type: "note.written"))
    #expect(Self.error(Route(["note.removed"], into: notes, [.session, .prefixed])) == nil)
  }

  @Test func `a route for every type names no field, because unknown types have none`() {
    let notes = Self.table("session_id", "text")
    #expect(Self.error(Route(nil, into: notes, [.session, .type])) == nil)
    #expect(Self.error(Route(nil, into: notes, [.session, .field("text")])) == .unknownField("text", type: nil))
    #expect(Self.error(Route(nil, with: "text", into: notes, [.session, .null])) == .unknownField("text", type: nil))
    #expect(Self.error(Route(nil, into: notes, [.session, .prefixed])) == .noPrefix(type: nil))
  }

  @Test func `a route fills each column of its destination once`() {
    #expect(Self.error(Route(["note.written"], into: Self.table("a", "b"), [.session])) == .sourceCount(1, columns: 2))
    #expect(Self.error(Route(["note.written"], into: Self.table("a"), [.session, .null])) == .sourceCount(2, columns: 1))
    #expect(Self.error(Route(["note.written"], into: Self.table("a", key: 2), [.session])) == .keyColumns(2, columns: 1))
    #expect(Self.error(Route(["note.written"], into: Self.table("a", "a"), [.session, .null])) == .repeatedColumn("a"))
  }

  @Test func `the error is one line that names the destination`() {
    let error = RouteError(destination: "notes", problem: .unknownField("txet", type: "note.written"))
    #expect("\(error)" == "the route into notes names the field txet, which note.written does not have")
  }

  @Test func `every field of every type goes somewhere`() {
    for type in ChangeCatalog.builtIn where type.kept != .all {
      let routes = BuiltInRoutes.all.filter { $0.types?.contains(type.name) ?? false }
      let used = routes.flatMap(\.sources).compactMap { source -> String? in
        switch source {
        case .field(let name), .fieldOr(let name, _): name
        default: nil
        }
      }
      #expect(Set(type.fields.map(\.name)).subtracting(used).isEmpty, "\(type.name)")
      let keepsExtras = routes.contains { $0.sources.contains { if case .extras = $0 { true } else { false } } }
      #expect(keepsExtras || type.kept == .extras, "\(type.name) loses what nobody knows")
    }
  }

  @Test func `coalesced rows begin with their whole key, and are decided by position or do not change`() {
    for route in BuiltInRoutes.all where route.into.mode == .append { #expect(route.into.coalescing == nil, "\(route.into.name)") }
  }

  @Test func `destinations are applied in the order in which routes first name them, snapshots last`() {
    let table = RouteTable.builtIn
    var names: [String] = []
    for route in BuiltInRoutes.all where !names.contains(route.into.name) { names.append(route.into.name) }
    #expect(table.destinations.map(\.name) == names)
    #expect(names.first == "ensure_sessions")
    #expect(names.last == "take_snapshots")
  }

  @Test func `a route without types is for every type, known or not`() {
    let table = RouteTable.builtIn
    #expect(table.routes(for: nil).map { table.destinations[$0.destination].name } == ["ensure_sessions", "take_snapshots"])
    for index in table.catalog.indices { #expect(table.routes(for: index).first?.destination == 0) }
  }
}
