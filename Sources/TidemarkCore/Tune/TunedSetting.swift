/// A setting that an operator tuned or reset, as the ledger has it.
package struct TunedSetting: Sendable, Equatable {
  /// Whom a tuned value is for, and which setting it is of. The ledger has one row for each.
  package struct Place: Sendable, Hashable {
    /// The pattern of the lanes; empty for the whole installation.
    package var lanes: String
    package var key: String

    package init(lanes: String = "", key: String) {
      self.lanes = lanes
      self.key = key
    }
  }

  package var place: Place
  /// The value as a user would write it; nil after a reset, when the value from file, environment and flags applies again.
  package var value: String?
  /// The number of the change that made this row. Later changes have larger numbers.
  package var change: Int64
  /// The time of the change, in RFC 3339 in UTC.
  package var at: String
  package var by: String
  package var why: String?

  package init(place: Place, value: String?, change: Int64, at: String = "", by: String = "", why: String? = nil) {
    self.place = place
    self.value = value
    self.change = change
    self.at = at
    self.by = by
    self.why = why
  }
}

/// A value that an operator wants for a setting; nil resets it.
package struct TuningWish: Sendable, Equatable {
  package var place: TunedSetting.Place
  package var value: String?

  package init(place: TunedSetting.Place, value: String?) {
    self.place = place
    self.value = value
  }
}

/// One setting of a change, as the history keeps it forever.
package struct TuningEntry: Sendable, Equatable {
  /// The number of the change. All settings of one command share it.
  package var change: Int64
  package var place: TunedSetting.Place
  /// The tuned value before; nil where there was none.
  package var from: String?
  /// The tuned value after; nil for a reset.
  package var to: String?
  package var at: String
  package var by: String
  package var why: String?
  /// The number of the change that this one took back.
  package var undoes: Int64?

  package init(
    change: Int64, place: TunedSetting.Place, from: String?, to: String?, at: String = "", by: String = "", why: String? = nil,
    undoes: Int64? = nil
  ) {
    self.change = change
    self.place = place
    self.from = from
    self.to = to
    self.at = at
    self.by = by
    self.why = why
    self.undoes = undoes
  }
}
