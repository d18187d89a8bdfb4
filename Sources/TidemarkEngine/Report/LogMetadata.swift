package import Logging

extension Logger.MetadataValue {
  /// A number, which a log in JSON writes as one.
  package static func number(_ value: some BinaryInteger & Sendable) -> Logger.MetadataValue {
    .stringConvertible(Int64(clamping: value))
  }

  package static func number(_ value: Double) -> Logger.MetadataValue { .stringConvertible(value) }
}
