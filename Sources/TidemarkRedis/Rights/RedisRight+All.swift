extension RedisRight {
  /// The largest id; no range that begins with it contains an entry.
  private static let end = "18446744073709551615-18446744073709551615"
  /// A digest that no script has.
  private static let digest = String(repeating: "f", count: 40)

  /// Every command that Tidemark uses, with every kind of key that it is used on.
  package static let all: [RedisRight] =
    work + publishing + upkeep + sessions + connecting + [
      // This right is needed only if INFO does not contain the policy.
      RedisRight("CONFIG GET maxmemory-policy", .askingForPolicy, trial: .none),
      RedisRight("XADD KEY * type t", .bench, .lane, trial: .none),
      RedisRight("UNLINK KEY", .bench, .lane, trial: .none),
      RedisRight("EXISTS KEY", .bench, .lane, trial: .none),
      RedisRight("PUBSUB NUMSUB KEY", .bench, .channel, trial: .none),
      RedisRight("SUBSCRIBE KEY", .bench, .channel, trial: .none),
    ]

  private static let work: [RedisRight] =
    [
      RedisRight("PING", .work), RedisRight("INFO server", .work), RedisRight("TIME", .work),
      RedisRight("EVAL return 0", .work, trial: .direct),
    ]
    + [Place.lane, .marks, .rejected].map { RedisRight("EVALSHA \(digest) 1 KEY", .work, $0, trial: .direct) }
    + [Place.sharedMarks, .claim].map { RedisRight("EVALSHA \(digest) 1 KEY", .work, $0, trial: .direct) }
    + [
      "XREAD COUNT 1 STREAMS KEY $", "XRANGE KEY \(end) \(end)", "XREVRANGE KEY \(end) \(end)", "XLEN KEY",
      // The invalid option makes the command fail after the check of rights, so it returns no entries.
      "XINFO STREAM KEY FULL none", "XINFO GROUPS KEY",
    ].map { RedisRight($0, .work, .lane) }
    + [Place.marks, .sharedMarks, .claim].flatMap { place in
      ["HGET KEY f", "HMGET KEY f", "HSET KEY f v"].map { RedisRight($0, .work, place) }
    }
    + [Place.marks, .sharedMarks].map { RedisRight("HDEL KEY f", .work, $0) }
    + ["HSET KEY f v", "HDEL KEY f", "HLEN KEY", "HSCAN KEY 0 COUNT 1"].map { RedisRight($0, .work, .rejected) }

  private static let publishing: [RedisRight] = [RedisRight("PUBLISH KEY 0-0", .publishing, .channel)]

  private static let upkeep: [RedisRight] = [
    RedisRight("XTRIM KEY MINID 0", .trimming, .lane),
    RedisRight("XGROUP SETID KEY g 0", .mirroring, .lane),
    RedisRight("XGROUP CREATE KEY g 0", .mirroring, .lane),
    RedisRight("XSETID KEY 0-1", .raisingIDs, .lane),
    RedisRight("SCAN 0 COUNT 1", .discovery),
    RedisRight("TYPE KEY", .discovery, .lane),
    RedisRight("CLIENT ID", .doorbell, trial: .direct),
    RedisRight("CLIENT TRACKING OFF", .doorbell, trial: .direct),
    RedisRight("SUBSCRIBE __redis__:invalidate", .doorbell, trial: .subscription),
    RedisRight("FCALL_RO tidemark_check 0", .functions, trial: .direct),
    RedisRight("FUNCTION LIST LIBRARYNAME tidemark_check", .functions, trial: .direct),
    // The server refuses the code, after the check of rights.
    RedisRight("FUNCTION LOAD code", .functions, trial: .direct),
    RedisRight("CLIENT LIST TYPE normal", .countingWorkers, trial: .direct),
  ]

  /// The commands that restore, evict and fork sessions. The functions of the library run with the rights of their caller.
  private static let sessions: [RedisRight] =
    [RedisRight("FCALL tidemark_check 0", .sessions, trial: .direct), RedisRight("SCAN 0 COUNT 1 TYPE hash", .sessions)]
    + ["HGET KEY f", "HMGET KEY f", "HGETALL KEY", "HLEN KEY", "HSET KEY f v", "HDEL KEY f", "DEL KEY", "MEMORY USAGE KEY"]
    .map { RedisRight($0, .sessions, .session) }
    + [
      "LLEN KEY", "LINDEX KEY 0", "LRANGE KEY 0 0", "LREM KEY 1 v", "LTRIM KEY 1 0", "LPOP KEY", "RPOP KEY", "RPUSH KEY v",
    ].map { RedisRight($0, .sessions, .session) }
    + ["XRANGE KEY \(end) \(end)", "XDEL KEY 0-1"].map { RedisRight($0, .sessions, .requests) }
    + ["XADD KEY * type t", "XDEL KEY 0-1"].map { RedisRight($0, .sessions, .lane) }

  private static let connecting: [RedisRight] =
    ["AUTH", "SELECT 0", "CLUSTER SLOTS", "ASKING", "SENTINEL GET-MASTER-ADDR-BY-NAME s"].map {
      RedisRight($0, .connecting, trial: .none)
    } + [RedisRight("CLIENT SETNAME tidemark-check", .naming, trial: .direct)]
}
