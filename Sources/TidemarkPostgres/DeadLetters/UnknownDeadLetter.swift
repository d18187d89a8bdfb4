/// A number that no dead letter has. Nothing was changed.
package struct UnknownDeadLetter: Error, Sendable, Equatable {
  package var number: Int64
}
