import Logging
import Synchronization
import TidemarkConfiguration
import TidemarkCore
import TidemarkEngine
import TidemarkLog

/// The settings in force of a running worker. A reload and `tidemark tune` both change them here, so that neither undoes the other.
final class CurrentSettings: TunedSettings {
  private struct State {
    var inForce: SettingsInForce
    var worker: WorkerSettings
  }

  private let state: Mutex<State>
  private let logLevel: LogLevel
  private let logger: Logger

  init(_ composition: Composition) {
    state = Mutex(State(inForce: SettingsInForce(composition.loaded), worker: composition.workerSettings))
    logLevel = composition.logLevel
    logger = composition.logger
  }

  var inForce: SettingsInForce { state.withLock { $0.inForce } }

  var workerSettings: WorkerSettings { state.withLock { $0.worker } }

  func follow(_ rows: [TunedSetting]) -> Bool {
    let change = state.withLock { state -> SettingsChange? in
      guard rows != state.inForce.rows else { return nil }
      let new = state.inForce.tuned(rows)
      // The values are checked, so composing them can't fail where composing those that were read did not.
      guard let composition = try? Composition(new.loaded) else { return nil }
      let before = state.inForce
      set(new, composition, notInForce: state.worker.notInForce, in: &state)
      return SettingsChange(from: before, to: new)
    }
    guard let change else { return false }
    logLevel.set(inForce.loaded.configuration.log.level) {
      for line in change.tuned { line.log(to: logger) }
      for line in change.refused { line.log(to: logger) }
    }
    return true
  }

  /// What a reload did.
  struct Reloaded {
    /// The settings that are in force now.
    var changed: [String]
    /// The settings that keep their value until a restart, and these with both values.
    var kept: [String]
    var waiting: String
    var refused: [SettingsChange.Refused]
  }

  /// Applies the reloadable settings of a configuration. Throws if it is invalid or does not go with those that are kept; nothing is
  /// changed then.
  func reload(_ new: LoadedConfiguration) throws -> Reloaded {
    // A reload refuses whatever a restart would refuse.
    _ = try Composition(new)
    let reloaded = try state.withLock { state in
      let before = state.inForce
      let changes = new.changes(from: before.read)
      let after = try before.reloading(new)
      let waiting = new.differences(of: changes.needsRestart, from: after.read).joined(separator: ", ")
      set(after, try Composition(after.loaded), notInForce: waiting.isEmpty ? nil : waiting, in: &state)
      return Reloaded(
        changed: changes.reloadable, kept: changes.needsRestart, waiting: waiting,
        refused: SettingsChange(from: before, to: after).refused)
    }
    logLevel.set(inForce.loaded.configuration.log.level)
    return reloaded
  }

  private func set(_ inForce: SettingsInForce, _ composition: Composition, notInForce: String?, in state: inout State) {
    var worker = composition.workerSettings
    worker.flow.laneLimits = inForce.laneLimits
    worker.notInForce = notInForce
    worker.tuningRefused = inForce.refusals
    state.worker = worker
    state.inForce = inForce
  }
}

extension SettingsChange.Tuned {
  func log(to logger: Logger) {
    logger.log(
      .settingTuned,
      [
        .setting: "\(key)", .lanes: "\(lanes)", .from: "\(from ?? "")", .to: "\(to ?? "")", .by: "\(by)", .reason: "\(why ?? "")",
      ])
  }
}

extension SettingsChange.Refused {
  func log(to logger: Logger) {
    logger.log(.settingRefused, [.setting: "\(key)", .lanes: "\(lanes)", .problem: "\(problem)", .effect: "the value in force is kept"])
  }
}
