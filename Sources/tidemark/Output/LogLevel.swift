import Logging
import Synchronization
import TidemarkConfiguration

/// The lowest severity that is logged, shared by all loggers of a process, so that it can change while they are in use.
final class LogLevel: Sendable {
  private let level: Mutex<Logger.Level>

  init(_ level: Configuration.LogLevel) {
    self.level = Mutex(Self.level(level))
  }

  var current: Logger.Level { level.withLock { $0 } }

  /// Changes the level. `report` logs the change, for which the lower of the two levels applies.
  func set(_ new: Configuration.LogLevel, _ report: () -> Void = {}) {
    let new = Self.level(new)
    let isQuieter = new > current
    if isQuieter { report() }
    level.withLock { $0 = new }
    if !isQuieter { report() }
  }

  private static func level(_ level: Configuration.LogLevel) -> Logger.Level { Logger.Level(rawValue: level.rawValue) ?? .info }
}
