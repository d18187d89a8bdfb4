/// Compiles routes one by one, and numbers the destinations and constants that they name.
struct RouteCompiler {
  let catalog: [ChangeType]
  private(set) var destinations: [Destination] = []
  private(set) var constants: [RouteTable.Constant] = []

  init(catalog: [ChangeType]) {
    self.catalog = catalog
  }

  /// Checks what a route says whatever its types are, and numbers its destination.
  mutating func add(_ route: Route) throws(RouteError) {
    let columns = route.into.columns
    let names = columns.map(\.name)
    if let type = route.types?.first(where: { name in !catalog.contains { $0.name == name } }) {
      throw RouteError(destination: route.into.name, problem: .unknownType(type))
    }
    if route.sources.count != columns.count {
      throw RouteError(destination: route.into.name, problem: .sourceCount(route.sources.count, columns: columns.count))
    }
    if !(1...columns.count).contains(route.into.keyColumns) {
      throw RouteError(destination: route.into.name, problem: .keyColumns(route.into.keyColumns, columns: columns.count))
    }
    if let repeated = names.enumerated().first(where: { names[..<$0.offset].contains($0.element) }) {
      throw RouteError(destination: route.into.name, problem: .repeatedColumn(repeated.element))
    }
    _ = Self.index(route.into, in: &destinations)
  }

  /// Compiles a route for one of its types; nil for a route that takes every type, known or not.
  mutating func compile(_ route: Route, for type: ChangeType?) throws(RouteError) -> RouteTable.CompiledRoute {
    var sources: [RouteTable.CompiledSource] = []
    for (source, column) in zip(route.sources, route.into.columns) {
      sources.append(try compile(source, Cell.Kind(type: column.type), of: route, for: type))
    }
    return RouteTable.CompiledRoute(
      destination: Self.index(route.into, in: &destinations), with: try slot(route.with, of: route, for: type),
      without: try slot(route.without, of: route, for: type), isForSnapshots: route.isForSnapshots, sources: sources)
  }

  private mutating func compile(
    _ source: Route.Source, _ kind: Cell.Kind?, of route: Route, for type: ChangeType?
  ) throws(RouteError) -> RouteTable.CompiledSource {
    switch source {
    case .field(let name):
      let slot = try slot(name, of: route, for: type)
      return kind == .integer && type?.fields[slot].kind == .integer ? .integerSlot(slot) : .slot(slot)
    case .fieldOr(let name, let fallback): return .slotOr(try slot(name, of: route, for: type), default: constant(fallback, kind))
    case .constant(let text): return .constant(constant(text, kind))
    case .prefixed:
      guard type?.jsonPrefix != nil else { throw RouteError(destination: route.into.name, problem: .noPrefix(type: type?.name)) }
      return .prefixed
    case .session: return .session
    case .entryMilliseconds: return .entryMilliseconds
    case .entryNumber: return .entryNumber
    case .laneID: return .laneID
    case .time: return .time
    case .seq: return .seq
    case .type: return .type
    case .extras: return .extras
    case .null: return .null
    }
  }

  /// The index of a field of the type. A field that the type does not have is an error: a column would stay NULL, and a condition would
  /// always hold.
  private func slot(_ field: String, of route: Route, for type: ChangeType?) throws(RouteError) -> Int {
    guard let slot = type?.fields.firstIndex(where: { $0.name == field }) else {
      throw RouteError(destination: route.into.name, problem: .unknownField(field, type: type?.name))
    }
    return slot
  }

  private func slot(_ field: String?, of route: Route, for type: ChangeType?) throws(RouteError) -> Int? {
    guard let field else { return nil }
    return try slot(field, of: route, for: type) as Int
  }

  private mutating func constant(_ text: String, _ kind: Cell.Kind?) -> Int {
    Self.index(kind == .boolean ? .boolean(text == "true") : .text(Array(text.utf8)), in: &constants)
  }

  private static func index<T: Equatable>(_ value: T, in list: inout [T]) -> Int {
    if let known = list.firstIndex(of: value) { return known }
    list.append(value)
    return list.count - 1
  }
}
