/// Everything that a worker needs of Redis. Each part of the engine takes only the port that it uses.
package typealias LaneSource = LanePlacement & MarkStore & StreamDoorbell & StreamInspector & StreamKeeper & StreamReader

/// Everything that a worker needs of the ledger. Each part of the engine takes only the port that it uses.
package typealias ChangeSink = BatchWriters & LaneLedger & LeaseLedger & RetentionLedger & StatusLedger
