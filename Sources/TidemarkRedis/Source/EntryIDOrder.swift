/// The order of entries' ids, for scripts.
///
/// Lua's numbers are doubles and round above 2^53, so decimal text is compared: by length, then by character.
enum EntryIDOrder {
  /// Functions of Lua: `above(a, b)` of two decimal numbers as text, and `follows(a, b)` of two ids. An id follows what is no id; what is no id
  /// follows no id.
  static let lua = """
    local function above(a, b)
      if #a ~= #b then return #a > #b end
      return a > b
    end
    local function follows(a, b)
      local aMs, aNo = string.match(a, '^(%d+)-(%d+)$')
      local bMs, bNo = string.match(b, '^(%d+)-(%d+)$')
      if not aMs or not bMs then return not bMs end
      return above(aMs, bMs) or (aMs == bMs and above(aNo, bNo))
    end
    """
}
