package enum LaneReadReply: Sendable {
  /// There is no new entry within `block`.
  case nothing
  case entries(EntryBlock)
  /// The reply was larger than the budget and was dropped. The next request must ask for less.
  case overBudget
}
