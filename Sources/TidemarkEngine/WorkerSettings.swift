package import TidemarkCore

/// What a worker needs to know. What may change while it runs goes through ``LaneCoordinator/apply(_:)``.
package struct WorkerSettings: Sendable {
  /// A lane beside the built-in ones, by name or pattern.
  package struct LaneItem: Sendable, Equatable {
    package var streams: String
    package var start: LaneStart

    private let pattern: GlobPattern

    package init(streams: String, start: LaneStart) {
      self.streams = streams
      self.start = start
      pattern = GlobPattern(streams)
    }

    var isPattern: Bool { streams.contains { "*?[\\".contains($0) } }

    func covers(_ lane: String) -> Bool { isPattern ? pattern.matches(lane) : streams == lane }
  }

  /// What to do with a lane whose stream is not the one that was read.
  package enum Rewind: String, Sendable, CaseIterable {
    /// Nothing, until an operator has looked.
    case halt
    /// Read again all that Redis has, and apply what is not in Postgres.
    case resume
    /// Postgres is right: what Redis has is left alone, and only what is written from now on is applied.
    case reseed
  }

  package var flow: FlowLimits
  package var decode: EntryDecoder.Limits
  package var retry: RetryPolicy
  /// Nil where the built-in lanes are off.
  package var builtIn: BuiltInLanes?
  package var lanes: [LaneItem]
  package var writers: Int
  package var discover: Duration
  package var leaseTTL: Duration
  package var checkpointInterval: Duration
  package var retention: RetentionLimits
  package var rewind: Rewind
  package var trim: TrimLimits
  package var pressure: PressureLimits
  /// What a reload read and what waits for a restart, as people are told of it; nil: all that was read is in force.
  package var notInForce: String?

  package init(
    flow: FlowLimits, decode: EntryDecoder.Limits, retry: RetryPolicy, builtIn: BuiltInLanes?, lanes: [LaneItem], writers: Int,
    discover: Duration, leaseTTL: Duration, checkpointInterval: Duration, retention: RetentionLimits, rewind: Rewind = .resume,
    trim: TrimLimits = TrimLimits(isEnabled: false, keep: .zero, keepBytes: 0, ignoredGroups: []),
    pressure: PressureLimits = PressureLimits(slow: .seconds(5), stop: .seconds(60), memory: 0.8)
  ) {
    self.flow = flow
    self.decode = decode
    self.retry = retry
    self.builtIn = builtIn
    self.lanes = lanes
    self.writers = writers
    self.discover = discover
    self.leaseTTL = leaseTTL
    self.checkpointInterval = checkpointInterval
    self.retention = retention
    self.rewind = rewind
    self.trim = trim
    self.pressure = pressure
  }

  /// Whether a lane is one by its name: it is served whether or not its stream exists.
  func names(_ lane: String) -> Bool {
    builtIn?.partition(of: lane) != nil || lanes.contains { !$0.isPattern && $0.streams == lane }
  }

  /// Whether a stream of this name is a lane.
  package func covers(_ lane: String) -> Bool { builtIn?.partition(of: lane) != nil || lanes.contains { $0.covers(lane) } }

  /// By what name a lane is counted in metrics: a lane of a pattern, whose streams may come and go, under its pattern.
  func metricLabel(of lane: String) -> String {
    names(lane) ? lane : lanes.first { $0.covers(lane) }?.streams ?? "other"
  }

  /// Lanes with a name of their own: served whether or not their streams exist.
  package var namedLanes: [String] { lanes.filter { !$0.isPattern }.map(\.streams) + (builtIn?.names ?? []) }

  /// Patterns whose streams are lanes.
  package var patterns: [String] { lanes.filter(\.isPattern).map(\.streams) }

  /// All labels under which lanes are counted, see ``metricLabel(of:)``.
  var metricLabels: [String] { laneNames }

  /// All lanes there can be, by name or pattern.
  var laneNames: [String] { lanes.map(\.streams) + (builtIn?.names ?? []) }
}
