/// Types of changes that are none of the catalog's, counted. They may be meant, or be misspelt.
package struct UnknownTypes: Sendable {
  /// Types that are told apart; what comes beyond is counted together, for a producer may make a type of every change.
  package static let most = 64
  /// By what name the others are counted.
  package static let others = "other"

  private var known: Set<String> = []
  private var pending: [String: Int] = [:]

  package init() {}

  /// Counts changes of a type. Answers by what name.
  @discardableResult
  package mutating func count(_ type: String, _ number: Int) -> String {
    let name = known.contains(type) || known.count < Self.most ? type : Self.others
    if name == type { known.insert(type) }
    pending[name, default: 0] += number
    return name
  }

  /// What was counted since the last call.
  package mutating func take() -> [String: Int] {
    defer { pending = [:] }
    return pending
  }

  /// The type of the catalog that was probably meant; nil where none is near.
  package static func nearest(to type: String, in catalog: [ChangeType] = ChangeCatalog.builtIn) -> String? {
    NearestName.of(type, in: catalog.map(\.name))
  }
}
