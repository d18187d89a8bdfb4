-- The hot state: what a change does to it, apart from its number.

-- The names of the fields of types, as members of a JSON object begin.
local members = {}

local function member(name, is_known)
  local text = members[name] or ',' .. encode(name) .. ':'
  if is_known then members[name] = text end
  return text
end

-- Returns the change as a JSON object whose values are the texts that were given, whatever they hold.
local function element(change)
  local parts = { '{"entry_id":"', change.id, '","seq":"', change.seq, '","epoch":"', change.epoch, '"' }
  local n = 7
  for i = change.first, change.last, 2 do
    local name = change.args[i]
    if change.given[name] and not UNSHOWN[name] and name ~= 'entry_id' then
      parts[n + 1], parts[n + 2] = member(name, change.kind.fields[name]), encode(change.args[i + 1])
      n = n + 2
    end
  end
  parts[n + 1] = '}'
  return concat(parts)
end

-- Returns the message id of an element. Within a text each quote has a backslash before it, so the pattern finds nothing but the member.
local function message_id(text)
  -- A plain search first: a pattern would be tried at every byte of a long text.
  local place = find(text, ',"message_id":"', 1, true)
  return place and (match(text, '^,"message_id":"([^"\\]*)"', place) or cjson.decode(text).message_id)
end

-- Forgets the message of an element that left the list. No other element has its id.
local function forget_message(call, text)
  local id = message_id(text)
  if id then redis.call('HDEL', call.keys[IDS], '@' .. id) end
end

-- Removes the message with an id from the list, and returns whether there was one. The search begins at the end, because an agent that
-- streams an answer repeats the id of its last message again and again.
local function remove_message(call, id)
  local place = redis.call('HGET', call.keys[IDS], '@' .. id)
  if not place then return end
  local beginning = '{"entry_id":"' .. place .. '"'
  for index = 1, redis.call('LLEN', call.keys[MESSAGES]) do
    local text = redis.call('LINDEX', call.keys[MESSAGES], -index)
    if sub(text, 1, #beginning) == beginning then
      redis.call('LREM', call.keys[MESSAGES], -1, text)
      return true
    end
  end
end

local function fill_session(call, change, names, status)
  local pairs_of_hash = {}
  local function set(name, value)
    pairs_of_hash[#pairs_of_hash + 1] = name
    pairs_of_hash[#pairs_of_hash + 1] = value
  end
  for _, name in ipairs(names) do
    if change.given[name] then set(name, change.given[name]) end
  end
  if status then set('status', status) end
  for i = change.first, change.last, 2 do
    local name = change.args[i]
    if change.given[name] and change.kind.prefix and find(name, change.kind.prefix) then set(name, change.given[name]) end
  end
  write('HSET', call.keys[SESSION], pairs_of_hash)
end

local EFFECTS = {
  ['session.started'] = function(call, change)
    fill_session(call, change, { 'agent', 'user', 'tenant', 'title', 'parent' }, 'active')
  end,
  ['session.updated'] = function(call, change) fill_session(call, change, { 'title', 'status' }) end,
  ['session.ended'] = function(call, change) fill_session(call, change, {}, change.given.status or 'completed') end,
  ['message.appended'] = function(call, change)
    local id = change.given.message_id
    if id then
      remove_message(call, id)
      if call.hot_messages > 0 then redis.call('HSET', call.keys[IDS], '@' .. id, change.id) end
    end
    local length = redis.call('RPUSH', call.keys[MESSAGES], element(change))
    for _ = call.hot_messages + 1, length do forget_message(call, redis.call('LPOP', call.keys[MESSAGES])) end
  end,
  ['message.removed'] = function(call, change)
    local id = change.given.message_id
    if id then
      if remove_message(call, id) then redis.call('HDEL', call.keys[IDS], '@' .. id) end
      return
    end
    local text = redis.call('RPOP', call.keys[MESSAGES])
    if text then forget_message(call, text) end
  end,
  ['messages.cleared'] = function(call)
    for _, text in ipairs(redis.call('LRANGE', call.keys[MESSAGES], 0, -1)) do forget_message(call, text) end
    redis.call('LTRIM', call.keys[MESSAGES], 1, 0)
  end,
  ['context.set'] = function(call, change)
    local key, kind = change.given.key, change.given.kind or 'note'
    redis.call('HSET', call.keys[CONTEXT], key, change.given.value)
    if kind == 'note' then
      redis.call('HDEL', call.keys[SESSION], 'kind.' .. key)
    else
      redis.call('HSET', call.keys[SESSION], 'kind.' .. key, kind)
    end
  end,
  ['context.removed'] = function(call, change)
    redis.call('HDEL', call.keys[CONTEXT], change.given.key)
    redis.call('HDEL', call.keys[SESSION], 'kind.' .. change.given.key)
  end,
  ['tool.started'] = function(call, change)
    local open = redis.call('HGET', call.keys[TOOLS], change.given.call_id)
    redis.call('HSET', call.keys[TOOLS], change.given.call_id, (open and open .. '\n' or '') .. element(change))
  end,
  ['tool.finished'] = function(call, change)
    local open = redis.call('HGET', call.keys[TOOLS], change.given.call_id)
    local earlier = open and match(open, '^(.*)\n')
    if earlier then
      redis.call('HSET', call.keys[TOOLS], change.given.call_id, earlier)
    elseif open then
      redis.call('HDEL', call.keys[TOOLS], change.given.call_id)
    end
  end,
}

