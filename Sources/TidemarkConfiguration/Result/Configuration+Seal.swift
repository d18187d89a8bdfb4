/// The chain over what Postgres stores.
extension Configuration {
  package struct Seal: Equatable, Sendable {
    package var interval = Duration.seconds(10)
  }
}
