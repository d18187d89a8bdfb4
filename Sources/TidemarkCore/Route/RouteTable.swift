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
    var isForSnapshots: Bool
    var sources: [CompiledSource]
  }

  package let catalog: [ChangeType]
  /// The destinations, in the order in which they are applied.
  package let destinations: [Destination]
  let constants: [Constant]
  private let byType: [[CompiledRoute]]
  private let byUnknownType: [CompiledRoute]

  /// Compiles routes.
  ///
  /// - Throws: a ``RouteError`` for the first route that names a type, a field or a column which is not there.
  package init(catalog: [ChangeType], routes: [Route]) throws(RouteError) {
    var compiler = RouteCompiler(catalog: catalog)
    // The order of destinations is that of the routes, whichever type comes first.
    for route in routes { try compiler.add(route) }
    var byType = [[CompiledRoute]](repeating: [], count: catalog.count)
    var byUnknownType: [CompiledRoute] = []
    for route in routes {
      if route.types == nil { byUnknownType.append(try compiler.compile(route, for: nil)) }
      for (index, type) in catalog.enumerated() where route.types?.contains(type.name) ?? true {
        byType[index].append(try compiler.compile(route, for: route.types == nil ? nil : type))
      }
    }
    self.catalog = catalog
    self.byType = byType
    self.byUnknownType = byUnknownType
    let constants = compiler.constants
    self.constants = constants
    let compiled = byType.joined() + byUnknownType
    destinations = compiler.destinations.enumerated().map { place, destination in
      var destination = destination
      let sources = compiled.filter { $0.destination == place }.map(\.sources)
      for (column, kind) in destination.columns.map({ Cell.Kind(type: $0.type) }).enumerated() {
        let kinds = sources.compactMap { $0[column].kind(constants) }
        destination.columns[column].isTyped = kind != nil && kinds.allSatisfy { $0 == kind }
        destination.columns[column].isLaneID = sources.allSatisfy { if case .laneID = $0[column] { true } else { false } }
      }
      return destination
    }
  }

  /// The state model of agents, which a test compiles.
  package static let builtIn: RouteTable = {
    do throws(RouteError) {
      return try RouteTable(catalog: ChangeCatalog.builtIn, routes: BuiltInRoutes.all)
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  func routes(for type: Int?) -> [CompiledRoute] {
    type.map { byType[$0] } ?? byUnknownType
  }
}
