package import TidemarkCore

/// Renders the metrics that come from a worker's status at the moment of a scrape. Nothing is stored between scrapes, so unknown values are
/// absent.
package struct LaneExposition: Sendable {
  /// The number of lanes, those with the most lag, that have their own lines.
  package static let labelled = 200
  /// The label of all other lanes together.
  package static let other = "other"

  /// The facts from the servers; nil where unknown.
  package struct ServerFacts: Sendable, Equatable {
    package var redisIsUp: Bool?
    package var postgresIsUp: Bool?
    package var redisIsEvictionSafe: Bool?
    package var deadLettersOpen: Int64?
    package var gapsOpen: Int64?
    /// The lag of the installation.
    package var lag = LaneLag(entries: nil, seconds: nil)

    package init(
      redisIsUp: Bool? = nil, postgresIsUp: Bool? = nil, redisIsEvictionSafe: Bool? = nil, deadLettersOpen: Int64? = nil,
      gapsOpen: Int64? = nil, lag: LaneLag = LaneLag(entries: nil, seconds: nil)
    ) {
      self.lag = lag
      self.redisIsUp = redisIsUp
      self.postgresIsUp = postgresIsUp
      self.redisIsEvictionSafe = redisIsEvictionSafe
      self.deadLettersOpen = deadLettersOpen
      self.gapsOpen = gapsOpen
    }
  }

  /// The lanes of one line: a single lane, or all other lanes together.
  private struct Group {
    var name: String
    var lanes: [LaneStatus]
  }

  private let status: WorkerStatus?
  private let facts: ServerFacts

  /// - Parameter status: the worker's status; nil if the worker did not answer in time.
  package init(_ status: WorkerStatus?, _ facts: ServerFacts) {
    self.status = status
    self.facts = facts
  }

  package func render() -> String {
    var text = ExpositionText()
    if let status {
      lanes(status, &text)
      worker(status, &text)
    }
    servers(&text)
    return text.text
  }

  private func lanes(_ status: WorkerStatus, _ text: inout ExpositionText) {
    let groups = Self.groups(status)
    func family(_ definition: MetricDefinition, _ value: (Group) -> Double?) {
      text.family(definition, groups.compactMap { group in value(group).map { .init($0, [("lane", group.name)]) } })
    }
    func counter(_ definition: MetricDefinition, _ count: KeyPath<LaneCounts, Int>) {
      family(definition) { Double($0.lanes.reduce(0) { $0 + $1.record.totals[keyPath: count] }) }
    }
    family(MetricCatalog.laneLagEntries) { Self.all($0.lanes.map { $0.lag?.entries }).map { Double($0.reduce(0, +)) } }
    family(MetricCatalog.laneLagSeconds) { Self.all($0.lanes.map { $0.lag?.seconds })?.max() }
    family(MetricCatalog.laneLastCommit) { $0.lanes.compactMap(\.lastCommit).min().map { Double($0) / 1000 } }
    text.family(
      MetricCatalog.laneState,
      groups.flatMap { group in
        LaneState.allCases.map { state in
          .init(Double(group.lanes.count { $0.state == state }), [("lane", group.name), ("state", state.rawValue)])
        }
      })
    family(MetricCatalog.laneFence) { $0.lanes.count == 1 && $0.name != Self.other ? $0.lanes.first.map { Double($0.record.fence) } : nil }
    family(MetricCatalog.lanePressure) { $0.lanes.compactMap { $0.lag == nil ? nil : $0.pressure }.max().map { Double($0.severity) } }
    counter(MetricCatalog.entriesRead, \.read)
    counter(MetricCatalog.entriesApplied, \.applied)
    counter(MetricCatalog.entriesDuplicate, \.duplicates)
    counter(MetricCatalog.entriesDivergent, \.divergent)
    counter(MetricCatalog.entriesEphemeral, \.ephemeral)
    counter(MetricCatalog.entriesSkipped, \.skipped)
    counter(MetricCatalog.entriesMisrouted, \.misrouted)
    text.family(
      MetricCatalog.trimBlocked,
      groups.flatMap { group -> [ExpositionText.Sample] in
        let blocked = group.lanes.reduce(into: [String: Duration]()) { $0.merge($1.trimBlocked) { max($0, $1) } }
        return blocked.sorted { $0.key < $1.key }.map { .init($0.value.seconds, [("lane", group.name), ("group", $0.key)]) }
      })
    family(MetricCatalog.sealedThrough) { Self.all($0.lanes.filter { $0.record.cursor.appliedNo > 0 }.map(\.sealedThrough))?.min() }
    family(MetricCatalog.verifiedThrough) { $0.lanes.compactMap(\.verified).filter { $0 > .zero }.min().map { Double($0.ms) / 1000 } }
    family(MetricCatalog.checkpointTimestamp) { $0.lanes.compactMap(\.lastCheckpoint).min().map { Double($0) / 1000 } }
  }

  private func worker(_ status: WorkerStatus, _ text: inout ExpositionText) {
    let lanes = status.lanes
    text.family(
      MetricCatalog.lanesByState,
      LaneState.allCases.map { state in .init(Double(lanes.count { $0.state == state }), [("state", state.rawValue)]) })
    func family(_ definition: MetricDefinition, _ value: Double?) {
      text.family(definition, value.map { [.init($0)] } ?? [])
    }
    family(MetricCatalog.bufferBytes, Double(status.bufferBytes))
    family(MetricCatalog.backpressure, status.backpressure.seconds)
    family(MetricCatalog.accountingError, Double(lanes.reduce(0) { $0 + $1.record.accountingError }))
  }

  private func servers(_ text: inout ExpositionText) {
    func family(_ definition: MetricDefinition, _ value: Double?) {
      text.family(definition, value.map { [.init($0)] } ?? [])
    }
    family(MetricCatalog.lagEntries, facts.lag.entries.map { Double($0) })
    family(MetricCatalog.lagSeconds, facts.lag.seconds)
    family(MetricCatalog.deadLettersOpen, facts.deadLettersOpen.map { Double($0) })
    family(MetricCatalog.gapsOpen, facts.gapsOpen.map { Double($0) })
    family(MetricCatalog.redisUp, facts.redisIsUp.map { $0 ? 1 : 0 })
    family(MetricCatalog.postgresUp, facts.postgresIsUp.map { $0 ? 1 : 0 })
    family(MetricCatalog.redisEvictionSafe, facts.redisIsEvictionSafe.map { $0 ? 1 : 0 })
  }

  private static func groups(_ status: WorkerStatus) -> [Group] {
    guard status.lanes.count > Self.labelled else { return status.lanes.map { Group(name: $0.record.name, lanes: [$0]) } }
    let ranked = status.lanes.sorted { left, right in
      let (l, r) = (Self.rank(left), Self.rank(right))
      return l == r ? left.record.name < right.record.name : l > r
    }
    let own = ranked.prefix(Self.labelled).sorted { $0.record.name < $1.record.name }
    return own.map { Group(name: $0.record.name, lanes: [$0]) } + [Group(name: Self.other, lanes: Array(ranked.dropFirst(Self.labelled)))]
  }

  /// Ranks lanes by age, then by entries. An unknown age ranks as the worst.
  private static func rank(_ lane: LaneStatus) -> (Double, Int64) {
    let entries = lane.lag?.entries ?? -1
    return (lane.lag?.seconds ?? (entries > 0 ? .infinity : -1), entries)
  }

  /// Returns the values, or nil if one of them is unknown.
  private static func all<Value>(_ values: [Value?]) -> [Value]? {
    let known = values.compactMap(\.self)
    return known.count == values.count ? known : nil
  }
}

extension LaneRecord {
  /// The difference between the entries read, their outcomes and the entries that Redis counted; see ``LaneCounts``.
  package var accountingError: Int {
    let reached = Int(clamping: ordinal) - Int(clamping: baseline) - totals.missing
    return abs(totals.discrepancy) + abs(totals.read - reached)
  }
}
