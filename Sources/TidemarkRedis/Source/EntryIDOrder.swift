/// The order of entry ids, for scripts.
///
/// Lua's numbers are doubles and round above 2^53, so decimal texts are compared: by length, then by character.
enum EntryIDOrder {
  /// Two Lua functions: `above(a, b)` compares two decimal numbers as text, and `follows(a, b)` two ids. A valid id follows an invalid one;
  /// an invalid id follows none.
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
