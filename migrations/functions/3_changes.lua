-- Calls: the keys and the session of one call, and what the hash of the lane says.

local function check_session(session)
  if session == '' then invalid('session', 'is empty') end
  if #session > 256 then invalid('session', 'has ' .. #session .. ' bytes, 256 are allowed') end
  check_text('session', session)
end

local function open_call(keys, session)
  if not session then invalid('session', 'is missing') end
  local base = #keys == 7 and match(keys[CHANGES], '^(.*:{%d+}:)changes$')
  if not base or keys[LANE] ~= base .. 'lane' or keys[SESSION] ~= base .. 'session:' .. session
    or keys[CONTEXT] ~= base .. 'context:' .. session or keys[MESSAGES] ~= base .. 'messages:' .. session
    or keys[TOOLS] ~= base .. 'tools:' .. session or keys[IDS] ~= base .. 'ids:' .. session
  then
    invalid('keys', 'are not the seven of the session: changes, lane, session, context, messages, tools, ids')
  end
  check_session(session)
  return { keys = keys, session = session }
end

local function read_settings(call)
  local key = call.keys[LANE]
  local values = redis.call('HMGET', key, 'incarnation', 'enforce', 'hot_messages', 'max_entry_bytes', 'max_fields', 'promoted_at')
  call.incarnation, call.promoted_at = values[1] or '0', tonumber(values[6]) or 0
  call.hot_messages = tonumber(values[3]) or HOT_MESSAGES
  call.max_entry_bytes = tonumber(values[4]) or MAX_ENTRY_BYTES
  call.max_fields = tonumber(values[5]) or MAX_FIELDS
  if values[2] == '1' then
    local pressure = redis.call('HMGET', key, 'pressure', 'pressure_until')
    call.is_stopped = pressure[1] == 'stop' and now(call) < (tonumber(pressure[2]) or 0)
  end
end

-- Writes many pairs or elements, in commands that Lua can call.
local function write(command, key, values)
  for start = 1, #values, MOST_ARGUMENTS do
    redis.call(command, key, unpack(values, start, min(start + MOST_ARGUMENTS - 1, #values)))
  end
end

-- Changes: one change of a call, checked as a worker would check its entry.

local function digest(change)
  local names, values = {}, {}
  for i = change.first, change.last, 2 do
    local name = change.args[i]
    if not DELIVERY[name] then
      names[#names + 1] = name
      values[name] = change.args[i + 1]
    end
  end
  table.sort(names)
  local parts = { change.type }
  for i = 1, #names do parts[2 * i], parts[2 * i + 1] = names[i], values[names[i]] end
  -- No text holds a NUL, so it keeps them apart.
  return redis.sha1hex(concat(parts, '\0'))
end

-- Checks that the entry is within the limits. `own` is the number of fields and `bytes` the size of what the function adds to those given.
local function check_size(call, change, own, bytes)
  local fields = (change.last - change.first + 1) / 2 + own
  if fields > call.max_fields then
    invalid('entry', 'has ' .. fields .. ' fields, more than limits.max_fields (' .. call.max_fields .. ')')
  end
  if fields > MOST_FIELDS then invalid('entry', 'has ' .. fields .. ' fields; a function can append ' .. MOST_FIELDS) end
  if change.size + bytes > call.max_entry_bytes then
    invalid('entry', 'is larger than limits.max_entry_bytes (' .. decimal(call.max_entry_bytes) .. ' bytes)')
  end
end

-- Reads and checks the change of a type with the fields args[first] to args[last].
local function read_change(call, args, first, last, change_type)
  local kind = TYPES[change_type] or UNKNOWN
  local change = { type = change_type, kind = kind, args = args, first = first, last = last, given = {}, size = 0 }
  if kind == UNKNOWN then check_text('type', change_type) end
  local given = change.given
  local size = #change_type + #call.session + 11
  for i = first, last, 2 do
    local name, value = args[i], args[i + 1]
    if given[name] then invalid(name, 'is given twice') end
    if ENVELOPE[name] == own_rule then own_rule(call, change, name) end
    if not ENVELOPE[name] and not kind.fields[name] then check_text(name, name) end
    check_text(name, value)
    given[name] = value
    size = size + #name + #value
  end
  change.size = size
  if given.ephemeral then flag_rule(call, change, 'ephemeral', given.ephemeral) end
  if given.ephemeral then
    check_size(call, change, 2, 0)
    return change
  end
  if change_type == '' then invalid('type', 'is empty') end
  if #change_type > 128 then invalid('type', 'has ' .. #change_type .. ' bytes, 128 are allowed') end
  for i = first, last, 2 do
    local name, value = args[i], args[i + 1]
    local rule = ENVELOPE[name] or kind.fields[name]
    if rule then
      rule(call, change, name, value)
    elseif kind.prefix and value == '' and find(name, kind.prefix) then
      given[name] = nil
    end
  end
  check_required(change, kind)
  return change
end

