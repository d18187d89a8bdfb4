internal import TidemarkCore

/// What scripts compare before they write something of a lane, in the same step: the installation's id that stands beside the lane's marks.
enum InstallationGuard {
  /// The word that begins a refusal.
  private static let word = "TMINSTALLATION"

  /// A function `foreign(key, field, id)` of Lua: the error to answer where the hash bears another id than the one given, or where none is
  /// given; nil where all is well. A key that is no hash bears no id.
  static let lua = """
    local function foreign(key, field, id)
      local held = redis.pcall('HGET', key, field)
      if type(held) ~= 'string' then held = nil end
      if id ~= '' and (not held or held == id) then return nil end
      return redis.error_reply('\(word) ' .. key .. ' bears the id of the installation ' .. (held or 'unknown') .. ', not of ' .. id)
    end
    """

  /// The hash of a lane's marks, and its field that holds the id.
  static func place(of lane: String, prefix: String) -> (hash: RedisArgument, field: RedisArgument) {
    let isBuiltIn = DurableScript.builtInBase(of: lane, prefix: prefix) != nil
    return (
      .text(DurableScript.hash(of: lane, prefix: prefix)),
      .text(isBuiltIn ? RedisPrefix.installationField : RedisPrefix.sharedInstallationField)
    )
  }

  /// The keys of a call about a stream, with how many they are before them, and the field that holds the id: the stream and, where it is of the
  /// same slot, the hash of the lane's marks. Those of lanes that are not built in are of another slot in a Cluster: nothing but the worker's
  /// watch over the claim protects such lanes.
  static func keys(of lane: String, prefix: String, isCluster: Bool) -> (keys: [RedisArgument], field: RedisArgument) {
    let (hash, field) = place(of: lane, prefix: prefix)
    let isElsewhere = isCluster && DurableScript.builtInBase(of: lane, prefix: prefix) == nil
    return (isElsewhere ? ["1", .text(lane)] : ["2", .text(lane), hash], field)
  }

  /// Whether an error of the server is such a refusal.
  static func refuses(_ message: String) -> Bool { message.hasPrefix(word) }
}
