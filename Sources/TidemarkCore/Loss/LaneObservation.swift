/// What a server answers of one lane. Lanes are asked together and judged one by one: what is wrong with one says nothing of the others.
package enum LaneObservation: Sendable {
  case seen(LaneSnapshot)
  /// The key is no stream, or may not be read.
  case refused(SourceError)
  /// Its entries are so large that it is not looked at yet; it may be asked for again.
  case deferred

  package var snapshot: LaneSnapshot? { if case .seen(let snapshot) = self { snapshot } else { nil } }
}
