import Testing

@testable import TidemarkCore

@Suite struct RouteTableTests {
  @Test func `every built-in route has a source for each column, and names only fields that its types have`() {
    for route in BuiltInRoutes.all {
      let name = route.into.name
      #expect(route.sources.count == route.into.columns.count, "\(name)")
      #expect((1...route.into.columns.count).contains(route.into.keyColumns), "\(name)")
      #expect(Set(route.into.columns.map(\.name)).count == route.into.columns.count, "\(name)")
      for type in route.types ?? [] {
        guard let known = ChangeCatalog.builtIn.first(where: { $0.name == type }) else {
          Issue.record("\(name) is for the unknown type \(type)")
          continue
        }
        let fields = Set(known.fields.map(\.name))
        for case .field(let field) in route.sources { #expect(fields.contains(field), "\(name), \(type): \(field)") }
        for case .fieldOr(let field, _) in route.sources { #expect(fields.contains(field), "\(name), \(type): \(field)") }
        for field in [route.with, route.without].compactMap({ $0 }) { #expect(fields.contains(field), "\(name), \(type): \(field)") }
        for case .prefixed in route.sources { #expect(known.jsonPrefix != nil, "\(name), \(type)") }
      }
    }
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
    let table = RouteTable()
    var names: [String] = []
    for route in BuiltInRoutes.all where !names.contains(route.into.name) { names.append(route.into.name) }
    #expect(table.destinations.map(\.name) == names)
    #expect(names.first == "ensure_sessions")
    #expect(names.last == "take_snapshots")
  }

  @Test func `a route without types is for every type, known or not`() {
    let table = RouteTable()
    #expect(table.routes(for: nil).map { table.destinations[$0.destination].name } == ["ensure_sessions"])
    for index in table.catalog.indices { #expect(table.routes(for: index).first?.destination == 0) }
  }
}
