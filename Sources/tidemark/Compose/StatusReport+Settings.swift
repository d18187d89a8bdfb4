import TidemarkAdmin
import TidemarkConfiguration

extension StatusReport {
  /// Every setting and where it comes from, with secrets redacted.
  static func settings(of loaded: LoadedConfiguration) -> [String: Setting] {
    Dictionary(uniqueKeysWithValues: loaded.settings.map { ($0.key, Setting(value: $0.value, source: $0.source)) })
  }
}
