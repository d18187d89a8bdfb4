#!lua name={{library}}

-- The functions with which agents write a session and read it back, and with which workers move it out of Redis and in again. Each call is
-- one atomic step. Redis never rolls a function back, so every check comes before the first write. Values are kept byte by byte; JSON is
-- never decoded and encoded again, because cjson would change numbers, empty arrays and escapes. Every key is declared, in one order:
--   PREFIX:{N}:changes  :lane  :session:S  :context:S  :messages:S  :tools:S  :ids:S
-- so that a node of a Cluster answers TRYAGAIN while their slot moves, instead of changing some of them.

-- Rises with every change of this file; a library with a higher number is never replaced.
local VERSION = 3

local CHANGES, LANE, SESSION, CONTEXT, MESSAGES, TOOLS, IDS = 1, 2, 3, 4, 5, 6, 7

-- What counts where the hash of the lane does not say it.
local HOT_MESSAGES, MAX_ENTRY_BYTES, MAX_FIELDS = 200, 33554432, 10000
-- Lua can't pass more arguments than about 8,000 to a command, so an entry with more fields must be added with XADD.
local MOST_FIELDS, MOST_ARGUMENTS = 3900, 7000
-- The number of event ids of a session that are remembered.
local REMEMBERED = 1000

-- While a library is loaded, Redis hides what Lua offers, so these are found by the first call.
local find, match, sub, gsub, byte, format, floor, min, max, concat, encode

local function find_names()
  find, match, sub, gsub, byte, format = string.find, string.match, string.sub, string.gsub, string.byte, string.format
  floor, min, max, concat, encode = math.floor, math.min, math.max, table.concat, cjson.encode
end

-- Refusals. A refusal is raised as a table, and becomes the error reply of the call.

local function refuse(text) error({ refusal = text }, 0) end

-- Makes a function of a body that may refuse.
local function guarded(body)
  return function(keys, args)
    if not find then find_names() end
    local ok, result = pcall(body, keys, args)
    if ok then return result end
    if type(result) == 'table' and result.refusal then return redis.error_reply((gsub(result.refusal, '%c', '?'))) end
    error(result, 0)
  end
end

-- Texts: what Postgres can store, which is UTF-8 without NUL.

-- Returns whether the bytes, a lead byte and what follows it, are one character: no overlong form, no surrogate, at most U+10FFFF.
local function is_character(bytes)
  local lead, second = byte(bytes, 1, 2)
  local length = lead < 224 and 2 or lead < 240 and 3 or 4
  if #bytes ~= length then return false end
  if lead == 224 then return second >= 160 end
  if lead == 237 then return second < 160 end
  if lead == 240 then return second >= 144 end
  if lead == 244 then return second < 144 end
  return true
end

-- The characters that were checked before, each with an ASCII byte in its place. Looking them up is the fastest check that Lua has.
local characters, character_count

local function remember_character(_, bytes)
  if not is_character(bytes) then return false end
  if character_count >= 10000 then
    for known in pairs(characters) do characters[known] = nil end
    character_count = 0
  end
  characters[bytes] = 'x'
  character_count = character_count + 1
  return 'x'
end

local function is_ascii(text) return match(text, '^[\1-\127]*()') > #text end

local function is_text(text)
  if is_ascii(text) then return true end
  if not characters then characters, character_count = setmetatable({}, { __index = remember_character }), 0 end
  return not find(text, '\0', 1, true) and is_ascii((gsub(text, '[\194-\244][\128-\191]+', characters)))
end

-- Returns a field's name as a message may show it.
local function shown(name)
  if #name <= 64 and is_text(name) then return name end
  return gsub(sub(name, 1, 64), '[%z\128-\255]', '?') .. (#name > 64 and '...' or '')
end

local function invalid(field, reason) refuse('INVALID ' .. shown(field) .. ': ' .. reason) end

local function check_text(field, text)
  if is_text(text) then return end
  if find(text, '\0', 1, true) then invalid(field, "holds a NUL byte, which Postgres can't store") end
  invalid(field, 'is not UTF-8')
end

-- Numbers. They stay texts, because Lua's numbers are doubles.

local function decimal(number) return format('%.0f', number) end

-- Returns whether a decimal text is larger than another one; neither has leading zeros.
local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

local function follows(a, b)
  local a_ms, a_no = match(a, '^(%d+)-(%d+)$')
  local b_ms, b_no = match(b, '^(%d+)-(%d+)$')
  return above(a_ms, b_ms) or (a_ms == b_ms and above(a_no, b_no))
end

local function is_bigint(text)
  local digits = match(text, '^%-?(%d+)$')
  if not digits then return false end
  digits = match(digits, '^0*(%d+)$')
  return not above(digits, sub(text, 1, 1) == '-' and '9223372036854775808' or '9223372036854775807')
end

-- Scans a JSON number. Returns the decimal exponent of its first digit that is not zero (nil for zero), the number of digits behind the
-- point, and the exponent as it was written; false if the text is not one number. Each pattern is matched once, from where the one before
-- ended, so that a long text can't make the match go back again and again.
local function scan_number(text)
  local _, stop = find(text, '^%-?%d+')
  if not stop or find(text, '^%-?0%d') then return false end
  local digits = gsub(sub(text, 1, stop), '-', '')
  local fraction, exponent = '', 0
  local _, point = find(text, '^%.%d+', stop + 1)
  if point then fraction, stop = sub(text, stop + 2, point), point end
  local _, power = find(text, '^[eE][+-]?%d+', stop + 1)
  if power then
    local sign, size = match(sub(text, stop + 2, power), '^([+-]?)(%d+)$')
    exponent, stop = min(tonumber(size), 2000000000) * (sign == '-' and -1 or 1), power
  end
  if stop ~= #text then return false end
  local first = digits ~= '0' and #digits - 1
  if not first then
    local place = find(fraction, '[1-9]')
    first = place and -place
  end
  return true, first and first + exponent, max(0, #fraction - exponent), exponent
end

