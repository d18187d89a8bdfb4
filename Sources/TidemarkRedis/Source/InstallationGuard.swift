internal import TidemarkCore

/// The comparison that scripts make in the step in which they write to a lane: the installation's id beside the lane's marks must match.
enum InstallationGuard {
  /// The word that begins a refusal.
  private static let word = "TMINSTALLATION"

  /// A Lua function `foreign(key, field, id)`. It returns an error if the hash has an id other than the given one, or if no id is given;
  /// else nil. A key that is not a hash has no id.
  static let lua = """
    local function foreign(key, field, id)
      local held = redis.pcall('HGET', key, field)
      if type(held) ~= 'string' then held = nil end
      if id ~= '' and (not held or held == id) then return nil end
      return redis.error_reply('\(word) ' .. key .. ' bears the id of the installation ' .. (held or 'unknown') .. ', not of ' .. id)
    end
    """

  /// Returns the hash of a lane's marks, and its field for the id.
  static func place(of lane: String, in catalog: LaneCatalog) -> (hash: RedisArgument, field: RedisArgument) {
    let place = catalog.markPlace(of: lane)
    return (.text(place.hash), .text(place.keys == nil ? RedisPrefix.sharedInstallationField : RedisPrefix.installationField))
  }

  /// Returns the keys of a call about a stream, preceded by their number, and the field for the id. The keys are the stream and, if it has
  /// the stream's slot, the hash of the lane's marks. In a Cluster the hash that lanes share has another slot; such lanes are protected
  /// only by the worker's watch over the claim.
  static func keys(of lane: String, in catalog: LaneCatalog, isCluster: Bool) -> (keys: [RedisArgument], field: RedisArgument) {
    let (hash, field) = place(of: lane, in: catalog)
    let isElsewhere = isCluster && catalog.markPlace(of: lane).keys == nil
    return (isElsewhere ? ["1", .text(lane)] : ["2", .text(lane), hash], field)
  }

  /// Returns whether an error of the server is this refusal.
  static func refuses(_ message: String) -> Bool { message.hasPrefix(word) }
}
