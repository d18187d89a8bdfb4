
-- For the command that forgets: the erasure of sessions, and of their entries in a lane.

-- Refuses where the lane belongs to another installation.
local function check_owner(keys, installation)
  local owner = redis.call('HGET', keys[LANE], 'installation')
  if owner and owner ~= installation then refuse('OTHER ' .. owner) end
end

-- forget: SESSION INSTALLATION
-- Removes a session, whatever its state, and keeps back what a worker has read of it to put it in Redis. Returns how many keys it had, and the
-- time.
local function forget(keys, args)
  local call = open_call(keys, args[1])
  check_owner(keys, args[2])
  local removed = redis.call('DEL', keys[SESSION], keys[CONTEXT], keys[MESSAGES], keys[TOOLS], keys[IDS])
  redis.call('HSET', keys[LANE], 'forgotten_at', decimal(now(call)))
  return { removed, now(call) }
end

-- traces: SESSION
-- Returns how many keys a session has, and its epoch, which is empty where it has none.
local function traces(keys, args)
  open_call(keys, args[1])
  local count = 0
  for index = SESSION, IDS do
    local length = redis.call(index == MESSAGES and 'LLEN' or 'HLEN', keys[index])
    if length > 0 then count = count + 1 end
  end
  return { count, redis.call('HGET', keys[SESSION], 'epoch') or '' }
end

-- Calls `body` with each value that an entry gives as its session: it may be given twice, where the entry is none that is applied.
local function for_each_session(fields, body)
  for i = 1, #fields, 2 do
    if fields[i] == 'session' then body(fields[i + 1]) end
  end
end

-- entries: SESSION AFTER COUNT
-- Returns, of some entries of the lane after one of them, how many there are, their bytes and the last id; then the id of each, followed by its
-- session. The values of large entries stay in Redis.
local function entries(keys, args)
  open_call(keys, args[1])
  local page = redis.call('XRANGE', keys[CHANGES], '(' .. args[2], '+', 'COUNT', args[3])
  local bytes, found = 0, {}
  for _, entry in ipairs(page) do
    for _, text in ipairs(entry[2]) do bytes = bytes + #text end
    for_each_session(entry[2], function(session)
      found[#found + 1] = entry[1]
      found[#found + 1] = session
    end)
  end
  return { #page, bytes, #page > 0 and page[#page][1] or '', found }
end

-- erase: SESSION INSTALLATION INCARNATION BEFORE (ID SESSION)...
-- Removes entries that are still of these sessions and that stand before the entry to which the lane was committed in this incarnation: that one
-- itself is what the lane is known by. Returns how many it removed.
local function erase(keys, args)
  open_call(keys, args[1])
  check_owner(keys, args[2])
  if (redis.call('HGET', keys[LANE], 'incarnation') or '0') ~= args[3] then return 0 end
  local removed = 0
  for i = 5, #args, 2 do
    local entry = follows(args[4], args[i]) and redis.call('XRANGE', keys[CHANGES], args[i], args[i])[1]
    local is_same = false
    if entry then for_each_session(entry[2], function(session) is_same = is_same or session == args[i + 1] end) end
    if is_same then removed = removed + redis.call('XDEL', keys[CHANGES], args[i]) end
  end
  return removed
end

-- What erases must run on a server that has no memory left.
redis.register_function({ function_name = '{{library}}_forget', callback = guarded(forget), flags = { 'allow-oom' } })
redis.register_function({ function_name = '{{library}}_traces', callback = guarded(traces), flags = { 'no-writes' } })
redis.register_function({ function_name = '{{library}}_entries', callback = guarded(entries), flags = { 'no-writes' } })
redis.register_function({ function_name = '{{library}}_erase', callback = guarded(erase), flags = { 'allow-oom' } })
