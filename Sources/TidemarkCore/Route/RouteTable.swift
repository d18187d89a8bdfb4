/// The compiled routes: which rows each type of change makes.
package struct RouteTable: Sendable {
  /// A source whose field is replaced by its index.
  enum CompiledSource: Sendable {
    case slot(Int)
    /// A field that the decoder knows to be an integer, for an integer column.
    case integerSlot(Int)
    case slotOr(Int, default: Int)
    case constant(Int)
    case session, entryMilliseconds, entryNumber, laneID, time, seq, type, prefixed, extras, null

    /// Returns the kind of the cells that the source makes; nil for a source that makes only NULL.
    func kind(_ constants: [Constant]) -> Cell.Kind? {
      switch self {
      case .slot, .slotOr, .session, .type, .prefixed, .extras: .bytes
      case .integerSlot, .entryMilliseconds, .entryNumber, .seq: .integer
      case .laneID: .shortInteger
      case .time: .time
      case .constant(let index): if case .boolean = constants[index] { .boolean } else { .bytes }
      case .null: nil
      }
    }
  }

  enum Constant: Sendable, Equatable {
    case text([UInt8])
    case boolean(Bool)
  }

  struct CompiledRoute: Sendable {
    var destination: Int
    var with: Int?
    var without: Int?
    var sources: [CompiledSource]
  }

  package let catalog: [ChangeType]
  /// The destinations, in the order in which they are applied.
  package let destinations: [Destination]
  let constants: [Constant]
  private let byType: [[CompiledRoute]]
  private let byUnknownType: [CompiledRoute]

  /// Compiles routes. They must name known types and fields: a test covers the built-in ones, the others are checked when the configuration
  /// is read.
  package init(catalog: [ChangeType] = ChangeCatalog.builtIn, routes: [Route] = BuiltInRoutes.all) {
    var destinations: [Destination] = []
    var constants: [Constant] = []
    func index<T: Equatable>(_ value: T, in list: inout [T]) -> Int {
      if let known = list.firstIndex(of: value) { return known }
      list.append(value)
      return list.count - 1
    }
    func compile(_ route: Route, for type: ChangeType?) -> CompiledRoute {
      func slot(_ field: String) -> Int? { type?.fields.firstIndex { $0.name == field } }
      func constant(_ text: String, _ kind: Cell.Kind?) -> Int {
        index(kind == .boolean ? .boolean(text == "true") : .text(Array(text.utf8)), in: &constants)
      }
      let sources: [CompiledSource] = zip(route.sources, route.into.columns).map { source, column in
        let kind = Cell.Kind(type: column.type)
        switch source {
        case .field(let name):
          guard let slot = slot(name) else { return .null }
          return kind == .integer && type?.fields[slot].kind == .integer ? .integerSlot(slot) : .slot(slot)
        case .fieldOr(let name, let fallback):
          let other = constant(fallback, kind)
          return slot(name).map { .slotOr($0, default: other) } ?? .constant(other)
        case .constant(let text): return .constant(constant(text, kind))
        case .session: return .session
        case .entryMilliseconds: return .entryMilliseconds
        case .entryNumber: return .entryNumber
        case .laneID: return .laneID
        case .time: return .time
        case .seq: return .seq
        case .type: return .type
        case .prefixed: return .prefixed
        case .extras: return .extras
        case .null: return .null
        }
      }
      return CompiledRoute(
        destination: index(route.into, in: &destinations), with: route.with.flatMap(slot), without: route.without.flatMap(slot),
        sources: sources)
    }
    // The order of destinations is that of the routes, whichever type comes first.
    for route in routes { _ = index(route.into, in: &destinations) }
    byType = catalog.map { type in
      routes.filter { $0.types?.contains(type.name) ?? true }.map { compile($0, for: type) }
    }
    byUnknownType = routes.filter { $0.types == nil }.map { compile($0, for: nil) }
    self.catalog = catalog
    self.constants = constants
    let routes = byType.joined() + byUnknownType
    self.destinations = destinations.enumerated().map { place, destination in
      var destination = destination
      let sources = routes.filter { $0.destination == place }.map(\.sources)
      for (column, kind) in destination.columns.map({ Cell.Kind(type: $0.type) }).enumerated() {
        let kinds = sources.compactMap { $0[column].kind(constants) }
        destination.columns[column].isTyped = kind != nil && kinds.allSatisfy { $0 == kind }
        destination.columns[column].isLaneID = sources.allSatisfy { if case .laneID = $0[column] { true } else { false } }
      }
      return destination
    }
  }

  func routes(for type: Int?) -> [CompiledRoute] {
    type.map { byType[$0] } ?? byUnknownType
  }
}
