-- Reading.

-- Reads what decides whether a numbering ended: the lane's present incarnation, and the history.
local function read_present(call, is_reading)
  call.is_reading = is_reading
  local lane = redis.call('HMGET', call.keys[LANE], 'incarnation', 'promoted_at')
  call.incarnation, call.promoted_at = lane[1] or '0', tonumber(lane[2]) or 0
  call.history = current_history(call)
end

-- Shows 0 as the last number of a session whose next change begins an epoch, because that is what its writer must expect. Shows it as
-- fresh where Postgres may know more of it.
local function show_numbering(call, session)
  local places = {}
  for i = 1, #session, 2 do places[session[i]] = i + 1 end
  if not places.seq then return end
  local ended, is_older = has_ended(call, session[places.incarnation], session[places.history], session[places.entry_id])
  if ended then session[places.seq] = '0' end
  if is_older and not places.fresh then
    session[#session + 1] = 'fresh'
    session[#session + 1] = '1'
  end
end

-- load: SESSION [MESSAGES]
local function load(keys, args)
  local call = open_call(keys, args[1])
  local count = args[2]
  if count and not find(count, '^%d+$') then invalid('messages', 'is not a number') end
  local session = redis.call('HGETALL', keys[SESSION])
  if #session == 0 then refuse('COLD ' .. call.session) end
  read_present(call, true)
  show_numbering(call, session)
  local messages = count == '0' and {} or redis.call('LRANGE', keys[MESSAGES], count and '-' .. count or 0, -1)
  return { session, redis.call('HGETALL', keys[CONTEXT]), redis.call('HGETALL', keys[TOOLS]), messages }
end

-- durable: SESSION ENTRY_ID
local function durable(keys, args)
  open_call(keys, args[1])
  local id = args[2] or ''
  local ms, no = match(id, '^(%d+)-(%d+)$')
  local most = '18446744073709551615'
  if not ms or find(id, '^0%d') or find(id, '-0%d') or above(ms, most) or above(no, most) then invalid('entry_id', 'is not an entry id') end
  local values = redis.call('HMGET', keys[LANE], 'durable', 'rejected:' .. id)
  if values[2] then return -2 end
  if #redis.call('XRANGE', keys[CHANGES], id, id) == 0 then return -1 end
  return values[1] and not follows(id, values[1]) and 1 or 0
end

-- For workers.

-- presence: SESSION
-- Returns where a session stands: its last entry, whether Postgres may know more of it, epoch, last number and incarnation; nil where it is
-- not in Redis.
local function presence(keys, args)
  local call = open_call(keys, args[1])
  local values = redis.call('HMGET', keys[SESSION], 'entry_id', 'fresh', 'epoch', 'seq', 'incarnation', 'history')
  if not values[4] then return nil end
  read_present(call, true)
  local ended, is_older = has_ended(call, values[5], values[6], values[1])
  local seq = ended and 0 or tonumber(values[4])
  return { values[1], (values[2] or is_older) and 1 or 0, tonumber(values[3]), seq, tonumber(values[5]) }
end

-- The milliseconds after which what a worker has read of a session is too old to be put back.
local STALE = 5000

-- Returns the event ids that a session remembers, oldest first, each followed by its answer without its number.
local function remembered(key)
  local all, answers, ids = redis.call('HGETALL', key), {}, {}
  for i = 1, #all, 2 do
    local id = match(all[i], '^=(.*)$')
    local number, answer = match(all[i + 1], '^(%d+) (.*)$')
    if id and answer then answers[#answers + 1] = { tonumber(number), id, answer } end
  end
  table.sort(answers, function(a, b) return a[1] < b[1] end)
  for _, answer in ipairs(answers) do
    ids[#ids + 1] = answer[2]
    ids[#ids + 1] = answer[3]
  end
  return ids
end

-- Returns where the numbering of a session stands, if it is durable and idle, for a reading call the event ids that it remembers, and the
-- history of the server's data.
local function find_evictable(call, installation, idle_ms, is_reading)
  local keys, idle = call.keys, tonumber(idle_ms)
  if not idle then invalid('idle_ms', 'is not a number') end
  local lane = redis.call('HMGET', keys[LANE], 'installation', 'durable')
  local session = redis.call('HMGET', keys[SESSION], 'seq', 'epoch', 'entry_id', 'incarnation', 'restored_at', 'history')
  if lane[1] ~= installation or not lane[2] or not session[1] then return nil end
  local last = max(tonumber(match(session[3], '^%d+')), tonumber(session[5]) or 0)
  if follows(session[3], lane[2]) or now(call) - last < idle then return nil end
  read_present(call, is_reading)
  local seq, epoch = tonumber(session[1]), tonumber(session[2])
  local _, is_older = has_ended(call, session[4], session[6], session[3])
  -- The numbers that follow here may be in use elsewhere.
  if is_older then seq, epoch = 0, max(now(call), epoch + 1) end
  return { seq, epoch, session[3], session[4], 0, is_reading and remembered(keys[IDS]) or {}, call.history.name }
end

-- evictable: SESSION INSTALLATION IDLE_MS
-- Answers as evict would, with the event ids that the session remembers, and removes nothing.
local function evictable(keys, args) return find_evictable(open_call(keys, args[1]), args[2], args[3], true) end

-- evict: SESSION INSTALLATION IDLE_MS [ENTRY_ID]
-- Removes a session that is durable and idle, and whose last change is the given one. Returns where its numbering stood, and its bytes.
local function evict(keys, args)
  local found = find_evictable(open_call(keys, args[1]), args[2], args[3])
  if not found or (args[4] and args[4] ~= found[3]) then return nil end
  for index = SESSION, IDS do
    -- The user may lack the right to ask.
    local size = redis.pcall('MEMORY', 'USAGE', keys[index])
    if type(size) == 'number' then found[5] = found[5] + size end
  end
  redis.call('DEL', keys[SESSION], keys[CONTEXT], keys[MESSAGES], keys[TOOLS], keys[IDS])
  return found
end

-- Returns the value that follows a name in a list of names and values.
local function value_of(list, name)
  for i = 1, #list, 2 do
    if list[i] == name then return list[i + 1] end
  end
end

-- The flags of a restore, which are added up: replace what is there; write only where the lane bears the mark of the session's incarnation, of
-- the present history; replace the session whose last change is the expected one, whether or not it is fresh.
local OVERWRITES, NEEDS_MARK, REBUILDS = 1, 2, 4
-- The answers of a restore.
local WRITTEN, CHANGED, UNMARKED = 1, 0, -1

-- restore: SESSION INSTALLATION EXPECT FLAGS READ_AT NSESSION PAIRS... NCONTEXT PAIRS... NMESSAGES ELEMENTS... NTOOLS PAIRS... NIDS (ID ANSWER)...
local function restore(keys, args)
  local call = open_call(keys, args[1])
  local read_at = tonumber(args[5])
  if not read_at then invalid('read_at', 'is not a number') end
  local place, parts = 6, {}
  for index, width in ipairs({ 2, 2, 1, 2, 2 }) do
    local count = tonumber(match(args[place] or '', '^%d+$'))
    if not count or place + count * width > #args then invalid('count', 'of part ' .. index .. ' is not the number of its items') end
    parts[index] = {}
    for i = place + 1, place + count * width do parts[index][i - place] = args[i] end
    place = place + count * width + 1
  end
  if place <= #args then invalid('count', 'of part 5 is not the number of its items') end
  local owner, mark_history = unpack(redis.call('HMGET', keys[LANE], 'installation', 'history'))
  if owner and owner ~= args[2] then refuse('OTHER ' .. owner) end
  local flags = tonumber(match(args[4] or '', '^[0-7]$'))
  if not flags then invalid('flags', 'is not a number from 0 to 7') end
  local overwrites, needs_mark, rebuilds = flags % 2 == OVERWRITES, flags % REBUILDS >= NEEDS_MARK, flags >= REBUILDS
  local held = redis.call('HMGET', keys[SESSION], 'seq', 'entry_id', 'fresh', 'epoch', 'incarnation', 'history')
  read_present(call)
  local ended, is_older = false, false
  if held[1] then ended, is_older = has_ended(call, held[5], held[6], held[2]) end
  local is_expected = not held[1]
  if args[3] ~= '-' then is_expected = held[1] and (held[3] or is_older or rebuilds) and held[2] == args[3] end
  if not is_expected and not overwrites then return CHANGED end
  -- Since then the session may have come back, changed, and left again.
  if now(call) - read_at > STALE then return CHANGED end
  -- Since then the session may have been forgotten.
  if read_at <= (tonumber(redis.call('HGET', keys[LANE], 'forgotten_at')) or 0) then return CHANGED end
  -- Where Redis lost its data, or a replica without the last changes was promoted, a worker may still commit what it had read before. It sets
  -- the next mark afterwards.
  local is_marked = call.incarnation == value_of(parts[1], 'incarnation') and not is_other_history(call, mark_history)
  if needs_mark and args[3] == '-' and not is_marked then return UNMARKED end
  local ids = {}
  for _, text in ipairs(parts[3]) do
    local id = message_id(text)
    local entry = match(text, '^{"entry_id":"([%d-]+)"')
    if not entry then invalid('messages', 'hold an element that does not begin with its entry_id') end
    for _, item in ipairs(id and { '@' .. id, entry } or {}) do ids[#ids + 1] = item end
  end
  -- A session that began in Redis anew goes on with the event ids that it remembers, which are later than those of before.
  local later = args[3] ~= '-' and remembered(keys[IDS]) or {}
  local is_later, answers = {}, {}
  for i = 1, #later, 2 do is_later[later[i]] = true end
  for _, known in ipairs({ parts[5], later }) do
    for i = 1, #known, 2 do
      if known == later or not is_later[known[i]] then answers[#answers + 1] = { known[i], known[i + 1] } end
    end
  end
  local first = max(0, #answers - REMEMBERED)
  for n = 1, #answers - first do
    local id, answer = answers[first + n][1], answers[first + n][2]
    for _, item in ipairs({ '=' .. id, decimal(n) .. ' ' .. answer, '#' .. decimal(n), id }) do ids[#ids + 1] = item end
  end
  if #answers > 0 then
    ids[#ids + 1] = 'next'
    ids[#ids + 1] = decimal(#answers - first)
  end
  redis.call('DEL', keys[SESSION], keys[CONTEXT], keys[MESSAGES], keys[TOOLS], keys[IDS])
  write('HSET', keys[SESSION], parts[1])
  if call.history.name ~= '' then redis.call('HSET', keys[SESSION], 'history', call.history.name) end
  if held[1] and is_expected and not is_older then
    -- It is numbered here, and goes on as it would have without a worker.
    redis.call('HSET', keys[SESSION], 'seq', held[1], 'epoch', held[4], 'incarnation', held[5])
    if held[6] then redis.call('HSET', keys[SESSION], 'history', held[6]) end
  end
  if held[1] and (not is_expected or is_older) then
    -- The numbers that were in use here may go beyond those that the worker knows.
    local given = tonumber(value_of(parts[1], 'epoch')) or 0
    local epoch = max(is_older and now(call) or 0, given, (tonumber(held[4]) or 0) + 1)
    redis.call('HSET', keys[SESSION], 'seq', '0', 'epoch', decimal(epoch))
    if is_older then redis.call('HSET', keys[SESSION], 'incarnation', call.incarnation) end
  end
  write('HSET', keys[CONTEXT], parts[2])
  write('RPUSH', keys[MESSAGES], parts[3])
  write('HSET', keys[TOOLS], parts[4])
  write('HSET', keys[IDS], ids)
  return WRITTEN
end

redis.register_function('{{library}}_append', guarded(append))
redis.register_function('{{library}}_append_all', guarded(append_all))
redis.register_function({ function_name = '{{library}}_load', callback = guarded(load), flags = { 'no-writes' } })
redis.register_function({ function_name = '{{library}}_presence', callback = guarded(presence), flags = { 'no-writes' } })
redis.register_function({ function_name = '{{library}}_durable', callback = guarded(durable), flags = { 'no-writes' } })
redis.register_function({ function_name = '{{library}}_evictable', callback = guarded(evictable), flags = { 'no-writes' } })
-- What frees memory must run on a server that has none left.
redis.register_function({ function_name = '{{library}}_evict', callback = guarded(evict), flags = { 'allow-oom' } })
redis.register_function('{{library}}_restore', guarded(restore))
redis.register_function({
  function_name = '{{library}}_version', callback = function() return VERSION end, flags = { 'no-writes' },
})
