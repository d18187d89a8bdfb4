/// Counts changes whose types are not in the catalog. Such a type may be intended, or misspelt.
package struct UnknownTypes: Sendable {
  /// The most types that are counted by name. Further types are counted together, because a producer may give every change its own type.
  package static let most = 64
  /// The name under which the further types are counted.
  package static let others = "other"

  private var known: Set<String> = []
  private var pending: [String: Int] = [:]

  package init() {}

  /// Counts changes of a type. Returns the name under which they were counted.
  @discardableResult
  package mutating func count(_ type: String, _ number: Int) -> String {
    let name = known.contains(type) || known.count < Self.most ? type : Self.others
    if name == type { known.insert(type) }
    pending[name, default: 0] += number
    return name
  }

  /// Returns the counts since the last call.
  package mutating func take() -> [String: Int] {
    defer { pending = [:] }
    return pending
  }

  /// Returns the type of the catalog that was probably meant, or nil where none is near.
  package static func nearest(to type: String, in catalog: [ChangeType] = ChangeCatalog.builtIn) -> String? {
    NearestName.of(type, in: catalog.map(\.name))
  }
}
