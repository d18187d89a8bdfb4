/// What a server answers of one lane. Lanes are asked together and judged one by one: what is wrong with one says nothing of the others.
package enum StreamObservation: Sendable {
  case seen(ObservedStream)
  /// The key is no stream, or may not be read.
  case refused(SourceError)
  /// Its entries are so large that it is not looked at yet; it may be asked for again.
  case deferred

  package var observed: ObservedStream? { if case .seen(let observed) = self { observed } else { nil } }
}
