/// The settings that the function library obeys. Workers write them into the hash of each lane.
package struct FunctionSettings: Sendable, Equatable {
  /// Whether changes are refused while agents are asked to stop: `pressure.enforce`.
  package var isEnforced: Bool
  /// The number of a session's messages that stay in Redis: `hot.messages`.
  package var hotMessages: Int
  /// The limits of an entry: `limits.max_entry_bytes` and `limits.max_fields`.
  package var maxEntryBytes: Int
  package var maxFields: Int

  package init(
    isEnforced: Bool = false, hotMessages: Int = 200, maxEntryBytes: Int = 32 << 20, maxFields: Int = FlowLimits.defaultMaxFields
  ) {
    self.isEnforced = isEnforced
    self.hotMessages = hotMessages
    self.maxEntryBytes = maxEntryBytes
    self.maxFields = maxFields
  }
}
