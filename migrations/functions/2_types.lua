-- The rules of fields: a rule gets the call, the change, the name and the value, and refuses what a worker would make a dead letter of.

local function text_rule() end

local function name_rule(_, _, name, value)
  if value == '' then invalid(name, 'is empty') end
  if #value > 512 then invalid(name, 'has ' .. #value .. ' bytes, 512 are allowed') end
end

-- An optional JSON or number field that is empty counts as absent.
local function optional(check)
  return function(call, change, name, value)
    if value == '' then change.given[name] = nil else check(call, change, name, value) end
  end
end

local function integer_rule(_, _, name, value)
  if not is_bigint(value) then invalid(name, 'is not an integer of 64 bits') end
end

local function version_rule(_, _, name, value)
  integer_rule(nil, nil, name, value)
  local number = tonumber(value)
  if number < 0 or number > 2147483647 then invalid(name, 'is out of range') end
end

local function decimal_rule(_, _, name, value)
  local ok, magnitude, fraction, exponent = scan_number(value)
  if not ok or (magnitude or 0) >= 131072 or fraction > 16383 or math.abs(exponent) >= 1073741823 then
    invalid(name, 'is not a decimal')
  end
end

local function double_rule(_, _, name, value)
  local ok, magnitude = scan_number(value)
  local number = ok and tonumber(value)
  if not number or number == math.huge or number == -math.huge or (number == 0 and magnitude) then
    invalid(name, 'is not a finite number that double precision can hold')
  end
end

local function flag_rule(_, change, name, value)
  if value ~= '0' and value ~= '1' then invalid(name, 'is neither 1 nor 0') end
  if value == '0' then change.given[name] = nil end
end

-- `choices` are separated by a comma and a space.
local function choice_rule(choices)
  return function(_, _, name, value)
    if find(value, ',', 1, true) or not find(', ' .. choices .. ',', ', ' .. value .. ',', 1, true) then
      invalid(name, 'is none of ' .. choices)
    end
  end
end

local function now(call)
  if not call.now then
    local time = redis.call('TIME')
    call.now = time[1] * 1000 + floor(time[2] / 1000)
  end
  return call.now
end

-- The history of the data that this server holds: the beginning of its name in Redis, whether the server was a replica before and was
-- promoted, whether it is a node of a Cluster, and when it started. A history is remembered for a moment. What a reading call has learned
-- serves no writing one: a replica answers reading calls, and its history ends when it is promoted. A master that writes can't be demoted
-- and promoted again within the moment, because it would have to follow another server in between.
local HISTORY_REMEMBERED = 100
local histories = {}

-- Returns the history; its name is empty where the user may not ask for it, which is not remembered, because another user may.
local function current_history(call)
  local at, kind = now(call), call.is_reading and 'reading' or 'writing'
  local known = histories[kind]
  if known and at >= known.read_at and at - known.read_at <= HISTORY_REMEMBERED then return known end
  local info = redis.pcall('INFO', 'server', 'replication')
  info = type(info) == 'string' and info or ''
  known = {
    name = match(info, 'master_replid:(%x%x%x%x%x%x%x%x%x%x)') or '',
    is_promoted = find(info, 'master_replid2:0*[1-9a-f]') ~= nil,
    is_cluster = find(info, '_mode:cluster') ~= nil,
    -- Redis tells it in whole seconds: the end of that second.
    started_at = (floor(at / 1000) - (tonumber(match(info, 'uptime_in_seconds:(%d+)')) or 0) + 1) * 1000,
    read_at = at,
  }
  histories[kind] = known.name ~= '' and known or nil
  return known
end

-- A time is between 2001 and a day after the server's own time.
local function time_rule(call, _, name, value)
  integer_rule(nil, nil, name, value)
  local first, last, time = 978307200000, 253402300799999, tonumber(value)
  local latest = min(now(call) + 86400000, last)
  if time >= first and time <= latest then return end
  local problem = 'is before 2001'
  if time > latest then problem = latest == last and 'is after the year 9999' or 'is more than a day after the entry itself' end
  problem = problem .. ': it is in milliseconds since 1970'
  for unit, milliseconds in pairs({ seconds = time * 1000, microseconds = time / 1000, nanoseconds = time / 1000000 }) do
    if milliseconds >= first and milliseconds <= latest then problem = problem .. ', and this looks like ' .. unit end
  end
  invalid(name, problem)
end

local function own_rule(_, _, name) invalid(name, 'is written by the function') end

local json_rule = optional(text_rule)
local ENVELOPE = {
  type = own_rule, session = own_rule, seq = own_rule, epoch = own_rule, ephemeral = text_rule, event_id = name_rule, actor = text_rule,
  trace = text_rule, v = optional(version_rule), ts = optional(time_rule),
}
-- The fields of the envelope that are no part of a message or a call in the hot state.
local UNSHOWN = { event_id = true, ts = true, trace = true, actor = true, v = true, ephemeral = true }
-- The fields of a change that a producer may write anew when it repeats the change.
local DELIVERY = { event_id = true, ts = true, trace = true }

-- The types: the rules of their fields, the fields that must be given and not be empty, those of which one must be given, the prefix of
-- fields that each hold one JSON value, and the command that reads the key that they change.
local TYPES = {
  ['session.started'] = {
    fields = { agent = text_rule, user = text_rule, tenant = text_rule, title = text_rule, parent = text_rule }, prefix = '^meta%..',
  },
  ['session.updated'] = { fields = { title = text_rule, status = text_rule }, prefix = '^meta%..' },
  ['session.ended'] = { fields = { status = choice_rule('completed, failed, cancelled') } },
  ['message.appended'] = {
    fields = {
      role = name_rule, content = text_rule, parts = json_rule, message_id = name_rule, parent_id = name_rule, call_id = name_rule,
      model = text_rule, tokens = optional(integer_rule), usage = json_rule, meta = json_rule,
    },
    required = { 'role', 'content' }, unless = 'parts', reads = { 'LLEN', MESSAGES },
  },
  ['message.removed'] = {
    fields = { message_id = name_rule, last = flag_rule }, any = { 'message_id', 'last' }, reads = { 'LLEN', MESSAGES },
  },
  ['messages.cleared'] = { fields = {}, reads = { 'LLEN', MESSAGES } },
  ['context.set'] = {
    fields = { key = name_rule, value = text_rule, kind = choice_rule('goal, fact, result, note') }, required = { 'key', 'value' },
    reads = { 'HLEN', CONTEXT },
  },
  ['context.removed'] = { fields = { key = name_rule }, required = { 'key' }, reads = { 'HLEN', CONTEXT } },
  ['tool.started'] = {
    fields = { call_id = name_rule, tool = name_rule, arguments = json_rule, idempotency_key = name_rule },
    required = { 'call_id', 'tool' }, reads = { 'HLEN', TOOLS },
  },
  ['tool.finished'] = {
    fields = {
      call_id = name_rule, status = choice_rule('ok, error, cancelled'), result = json_rule, error = text_rule,
      cost = optional(decimal_rule), usage = json_rule,
    },
    required = { 'call_id', 'status' }, reads = { 'HLEN', TOOLS },
  },
  ['outcome.recorded'] = {
    fields = {
      label = text_rule, score = optional(double_rule), scorer = text_rule, message_id = name_rule, call_id = name_rule, meta = json_rule,
    },
    any = { 'label', 'score' },
  },
  ['snapshot.requested'] = { fields = { reason = text_rule } },
}
local UNKNOWN = { fields = {} }

-- Returns the number of edits between two names; a swap of neighbours counts once.
local function distance(left, right)
  local before, last = {}, {}
  for j = 0, #right do last[j] = j end
  for i = 1, #left do
    local row = { [0] = i }
    for j = 1, #right do
      local a, b = byte(left, i), byte(right, j)
      row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a == b and 0 or 1))
      if i > 1 and j > 1 and a == byte(right, j - 1) and byte(left, i - 1) == b then row[j] = min(row[j], before[j - 2] + 1) end
    end
    before, last = last, row
  end
  return last[#right]
end

-- Refuses a change that lacks a field, with the name of an unknown field that was probably meant to be it.
local function missing(change, names, kind)
  local suggestion = ''
  for _, name in ipairs(names) do
    local best = math.huge
    for i = change.first, min(change.last, change.first + 126), 2 do
      local given = change.args[i]
      if #given <= 64 and not ENVELOPE[given] and not kind.fields[given] then
        local edits = distance(name, given)
        if edits < best and edits <= max(1, floor(min(#name, #given) / 3)) then
          best, suggestion = edits, '; is it ' .. shown(given) .. '?'
        end
      end
    end
    if suggestion ~= '' then break end
  end
  invalid(concat(names, ' or '), 'is missing' .. suggestion)
end

local function check_required(change, kind)
  local given = change.given
  if kind.required and not (kind.unless and given[kind.unless]) then
    for _, name in ipairs(kind.required) do
      if not given[name] then missing(change, { name }, kind) end
      if given[name] == '' and name ~= 'content' then invalid(name, 'is empty') end
    end
  end
  if kind.any and not given[kind.any[1]] and not given[kind.any[2]] then missing(change, kind.any, kind) end
end

