internal import TidemarkCore

/// What an operator wants `tune` to do.
package struct TuneOrder: Sendable, Equatable {
  package enum Action: Sendable, Equatable {
    /// Sets these keys, in their order.
    case set([Pair])
    /// Resets these keys; all that are tuned if none is named.
    case reset([String])
    /// Takes the last change back.
    case undo
  }

  package struct Pair: Sendable, Equatable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  package var action: Action
  /// The pattern of the lanes; nil for all.
  package var lanes: String?
  package var by: String
  package var why: String?

  package init(_ action: Action, lanes: String? = nil, by: String, why: String? = nil) {
    self.action = action
    self.lanes = lanes
    self.by = by
    self.why = why
  }

  /// Returns the wishes that fulfil the order, and the number of the change that they take back.
  ///
  /// - Parameters:
  ///   - rows: what the ledger has.
  ///   - history: the last changes, for an undo.
  /// - Throws: ``TuneRefusal`` if there is nothing to change.
  func wishes(_ rows: [TunedSetting], _ history: [TuningEntry]) throws(TuneRefusal) -> (wishes: [TuningWish], undoes: Int64?) {
    let tuned = rows.filter { $0.value != nil }
    func place(_ key: String) -> TunedSetting.Place { TunedSetting.Place(lanes: lanes ?? "", key: key) }
    switch action {
    case .set(let pairs):
      for (index, pair) in pairs.enumerated() where pairs[..<index].contains(where: { $0.key == pair.key }) {
        throw TuneRefusal(.wrong, "tune: \(pair.key) is given twice; keep one of the two")
      }
      return (pairs.map { TuningWish(place: place($0.key), value: $0.value) }, nil)
    case .reset(let keys) where keys.isEmpty:
      let all = tuned.map(\.place).filter { lanes == nil || $0.lanes == lanes }
      guard !all.isEmpty else { throw TuneRefusal(.nothing, "tune: no setting is tuned, and nothing was changed") }
      return (all.map { TuningWish(place: $0, value: nil) }, nil)
    case .reset(let keys):
      for key in keys where !tuned.contains(where: { $0.place == place(key) }) {
        let name = "\(ForeignText.line(key)) is not tuned\(lanes == nil ? "" : " for these lanes")"
        throw TuneRefusal(.nothing, "tune: \(name), and nothing was changed; see `tidemark tune`")
      }
      return (Set(keys).sorted().map { TuningWish(place: place($0), value: nil) }, nil)
    case .undo:
      guard let undo = TuningUndo(history) else { throw TuneRefusal(.nothing, "tune: there is no change to take back") }
      return (undo.wishes, undo.change)
    }
  }
}
