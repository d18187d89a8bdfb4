/// A route that can't be compiled, because it names what is not there. It must never be compiled to something else.
package struct RouteError: Error, Sendable, Equatable {
  package enum Problem: Sendable, Equatable {
    case unknownType(String)
    /// The type has no such field. A route for every type, which has no type here, can name no field at all.
    case unknownField(String, type: String?)
    /// The type takes no fields under a prefix.
    case noPrefix(type: String?)
    case sourceCount(Int, columns: Int)
    case keyColumns(Int, columns: Int)
    case repeatedColumn(String)
  }

  /// The name of the route's destination.
  package var destination: String
  package var problem: Problem
}

extension RouteError: CustomStringConvertible {
  package var description: String { "the route into \(destination) \(problem)" }
}

extension RouteError.Problem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknownType(let name): "takes the type \(name), which does not exist"
    case .unknownField(let name, let type?): "names the field \(name), which \(type) does not have"
    case .unknownField(let name, nil): "names the field \(name) but takes every type; name the types that have the field"
    case .noPrefix(let type?): "takes fields under a prefix, and \(type) has none"
    case .noPrefix(nil): "takes fields under a prefix but takes every type; name the types that have a prefix"
    case .sourceCount(let count, let columns): "has \(count) sources for \(columns) columns"
    case .keyColumns(let count, let columns): "has a key of \(count) columns, and \(columns) columns"
    case .repeatedColumn(let name): "fills the column \(name) twice"
    }
  }
}
