/// The routes, compiled: for each type of change, which rows it makes.
package struct RouteTable: Sendable {
  /// A source with its field's place looked up.
  enum CompiledSource: Sendable {
    case slot(Int)
    case slotOr(Int, default: Int)
    case constant(Int)
    case session, entryMilliseconds, entryNumber, time, seq, type, prefixed, extras, null
  }

  struct CompiledRoute: Sendable {
    var destination: Int
    var with: Int?
    var without: Int?
    var sources: [CompiledSource]
  }

  package let catalog: [ChangeType]
  /// In the order in which they are applied.
  package let destinations: [Destination]
  let constants: [[UInt8]]
  private let byType: [[CompiledRoute]]
  private let byUnknownType: [CompiledRoute]

  /// Routes must name known types and fields: built-in ones are covered by a test, others are checked when they are read.
  package init(catalog: [ChangeType] = ChangeCatalog.builtIn, routes: [Route] = BuiltInRoutes.all) {
    var destinations: [Destination] = []
    var constants: [String] = []
    func index<T: Equatable>(_ value: T, in list: inout [T]) -> Int {
      if let known = list.firstIndex(of: value) { return known }
      list.append(value)
      return list.count - 1
    }
    func compile(_ route: Route, for type: ChangeType?) -> CompiledRoute {
      func slot(_ field: String) -> Int? { type?.fields.firstIndex { $0.name == field } }
      let sources: [CompiledSource] = route.sources.map { source in
        switch source {
        case .field(let name): slot(name).map { .slot($0) } ?? .null
        case .fieldOr(let name, let fallback):
          slot(name).map { .slotOr($0, default: index(fallback, in: &constants)) } ?? .constant(index(fallback, in: &constants))
        case .constant(let text): .constant(index(text, in: &constants))
        case .session: .session
        case .entryMilliseconds: .entryMilliseconds
        case .entryNumber: .entryNumber
        case .time: .time
        case .seq: .seq
        case .type: .type
        case .prefixed: .prefixed
        case .extras: .extras
        case .null: .null
        }
      }
      return CompiledRoute(
        destination: index(route.into, in: &destinations), with: route.with.flatMap(slot), without: route.without.flatMap(slot),
        sources: sources)
    }
    // The order of destinations is that of the routes, whatever type comes first.
    for route in routes { _ = index(route.into, in: &destinations) }
    byType = catalog.map { type in
      routes.filter { $0.types?.contains(type.name) ?? true }.map { compile($0, for: type) }
    }
    byUnknownType = routes.filter { $0.types == nil }.map { compile($0, for: nil) }
    self.catalog = catalog
    self.destinations = destinations
    self.constants = constants.map { Array($0.utf8) }
  }

  func routes(for type: Int?) -> [CompiledRoute] {
    type.map { byType[$0] } ?? byUnknownType
  }
}
