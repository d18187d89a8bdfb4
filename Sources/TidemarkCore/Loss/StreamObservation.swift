/// A server's answer about one lane. Lanes are inspected together and judged separately: a fault of one says nothing about the others.
package enum StreamObservation: Sendable {
  case seen(ObservedStream)
  /// The key is not a stream, or may not be read.
  case refused(SourceError)
  /// The lane's entries are so large that it was not inspected yet. It may be asked for again.
  case deferred

  package var observed: ObservedStream? { if case .seen(let observed) = self { observed } else { nil } }
}
