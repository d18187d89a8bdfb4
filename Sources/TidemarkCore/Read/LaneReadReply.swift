package enum LaneReadReply: Sendable {
  /// Nothing new within `block`.
  case nothing
  case entries(EntryBlock)
  /// The reply was larger than the budget and was dropped; ask for less.
  case overBudget
}
