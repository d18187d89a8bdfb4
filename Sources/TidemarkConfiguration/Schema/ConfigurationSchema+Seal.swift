extension ConfigurationSchema {
  static let seal = Section(
    "seal", "The chain over what PostgreSQL stores of each change, which `tidemark audit` verifies.",
    [
      ConfigurationKey(
        "seal.interval", \.seal.interval, .duration(.milliseconds(100)...(.seconds(86_400))), .live,
        "The time within which a committed change is sealed. While replication is behind, seals are late.")
    ])
}
