-- Appending.

-- Returns the answer that a change got before, and whether all of the changes with numbers were seen; refuses where only some were.
local function earlier_answers(call, changes)
  local answers, numbered, seen, ids = {}, 0, 0, {}
  for index, change in ipairs(changes) do
    local id = change.given.event_id
    if change.given.ephemeral then
      answers[index] = { 0, 0, '0-0' }
    else
      numbered = numbered + 1
      if id and ids[id] then invalid('event_id', 'is given to two changes') end
      if id then
        ids[id] = true
        change.digest = digest(change)
        local known = redis.call('HMGET', call.keys[IDS], '=' .. id, 'next')
        local answer = known[1]
        call.remembered = tonumber(known[2]) or 0
        if answer then
          local seq, epoch, entry, content = match(answer, '^%d+ (%d+) (%d+) (%S+) (%S+)$')
          -- The content of what came back from Postgres may be unknown.
          if content ~= change.digest and content ~= '-' then refuse('CONFLICT event_id') end
          seen = seen + 1
          answers[index] = { tonumber(seq), tonumber(epoch), entry }
        end
      end
    end
  end
  if seen > 0 and seen < numbered then refuse('CONFLICT event_id') end
  return seen > 0 and answers
end

-- Returns whether something was written in another history of the server's data than the present one, as far as both are known.
local function is_other_history(call, history)
  return history and history ~= '' and call.history.name ~= '' and history ~= call.history.name
end

-- Returns whether a session's numbering ended, because Redis may have lost changes of it since, and whether Redis may have it in an older
-- state than Postgres.
--
-- A lane's first incarnation ends none: a session may be older than the lane's first mark, and only takes the incarnation over. A session of
-- another history lost nothing if it came with a slot of a Cluster, to a server that was there before the session's last change and that
-- was never promoted, and if the slot was at no server that had been promoted since that change.
local function has_ended(call, incarnation, history, entry_id)
  local present, changed_at = call.history, tonumber(match(entry_id or '', '^%d+') or 0)
  local is_other = is_other_history(call, history)
  local is_older = is_other and (not present.is_cluster or present.is_promoted or changed_at < max(present.started_at, call.promoted_at))
  local is_later = incarnation ~= call.incarnation and not (incarnation == '0' and call.incarnation == '1')
  return is_older or is_later, is_older
end

-- Finds the number before the first change. Refuses where the session is not in Redis, or is elsewhere than expected.
local function begin_numbering(call, first, expect)
  local values = redis.call('HMGET', call.keys[SESSION], 'seq', 'epoch', 'incarnation', 'history', 'entry_id')
  local seq = tonumber(values[1])
  if not seq and first.type ~= 'session.started' then refuse('COLD ' .. call.session) end
  call.history = current_history(call)
  call.epoch, call.is_new = tonumber(values[2]), not seq
  call.is_stamped = values[3] == call.incarnation and (call.history.name == '' or values[4] == call.history.name)
  local ended, is_older = false, false
  if seq then ended, is_older = has_ended(call, values[3], values[4], values[5]) end
  -- What is expected is compared with the numbering that the change gets: the last number of the one that ended may come again in it.
  call.seq = ended and 0 or seq or 0
  if expect ~= '-' and tonumber(expect) ~= call.seq then refuse('CONFLICT ' .. decimal(call.seq)) end
  -- Postgres may know more of the session than Redis.
  call.is_fresh = call.is_new or is_older
  if call.is_new then
    -- The mark tells the time, too, where the clock went back.
    local mark = redis.call('HGET', call.keys[LANE], 'durable')
    call.epoch = max(now(call), tonumber(match(mark or '', '^(%d+)-') or 0))
  elseif ended then
    call.epoch = max(now(call), call.epoch + 1)
  end
end

-- Numbers the changes. Reads each key that a change will write: a key of another type fails before anything is written.
local function number_changes(call, changes)
  local epoch = decimal(call.epoch)
  for _, change in ipairs(changes) do
    if not change.given.ephemeral then
      call.seq = call.seq + 1
      change.seq, change.epoch = decimal(call.seq), epoch
      check_size(call, change, 4, 8 + #change.seq + #epoch)
      local reads = change.kind.reads
      if reads then redis.call(reads[1], call.keys[reads[2]]) end
      if change.given.message_id and not change.given.event_id then redis.call('HLEN', call.keys[IDS]) end
    end
  end
end

-- Empties what is left of a session whose own hash is gone, as where Redis evicted that key alone. Nothing is written before all keys were
-- read.
local function clear_rest(call)
  local length, names = redis.call('LLEN', call.keys[MESSAGES]), {}
  for _, place in ipairs({ CONTEXT, TOOLS, IDS }) do
    names[place] = {}
    local values = redis.call('HGETALL', call.keys[place])
    for i = 1, #values, 2 do names[place][(i + 1) / 2] = values[i] end
  end
  if length > 0 then redis.call('LTRIM', call.keys[MESSAGES], 1, 0) end
  for place, found in pairs(names) do write('HDEL', call.keys[place], found) end
  call.remembered = 0
end

local function remember(call, change)
  local key, id = call.keys[IDS], change.given.event_id
  local n = call.remembered + 1
  call.remembered = n
  local answer = concat({ decimal(n), change.seq, change.epoch, change.id, change.digest }, ' ')
  redis.call('HSET', key, '=' .. id, answer, '#' .. decimal(n), id, 'next', decimal(n))
  local oldest = n > REMEMBERED and redis.call('HGET', key, '#' .. decimal(n - REMEMBERED))
  if oldest then redis.call('HDEL', key, '=' .. oldest, '#' .. decimal(n - REMEMBERED)) end
end

local function add_entry(call, change)
  local fields = { 'type', change.type, 'session', call.session }
  for i = change.first, change.last do fields[#fields + 1] = change.args[i] end
  if change.seq then
    for _, text in ipairs({ 'seq', change.seq, 'epoch', change.epoch }) do fields[#fields + 1] = text end
  end
  change.id = redis.call('XADD', call.keys[CHANGES], '*', unpack(fields))
end

-- Appends checked changes in one step, and returns the answers.
local function append_changes(call, expect, changes)
  if call.is_stopped then refuse('BUSY stop') end
  local earlier = earlier_answers(call, changes)
  if earlier then return earlier end
  local first
  for _, change in ipairs(changes) do
    if not change.given.ephemeral then first = first or change end
  end
  if first then
    begin_numbering(call, first, expect)
    number_changes(call, changes)
    if call.is_new then clear_rest(call) end
  end
  local answers, last = {}, nil
  for index, change in ipairs(changes) do
    add_entry(call, change)
    if change.seq then
      if EFFECTS[change.type] then EFFECTS[change.type](call, change) end
      if change.given.event_id then remember(call, change) end
      last = change
    end
    answers[index] = { tonumber(change.seq or 0), tonumber(change.epoch or 0), change.id }
  end
  if last then
    redis.call('HSET', call.keys[SESSION], 'seq', last.seq, 'entry_id', last.id)
    if not call.is_stamped then
      redis.call('HSET', call.keys[SESSION], 'epoch', last.epoch, 'incarnation', call.incarnation)
      if call.history.name ~= '' then redis.call('HSET', call.keys[SESSION], 'history', call.history.name) end
    end
    if call.is_new then redis.call('HSET', call.keys[SESSION], 'started_id', first.id) end
    if call.is_fresh then redis.call('HSET', call.keys[SESSION], 'fresh', '1') end
  end
  return answers
end

local function check_expect(expect)
  if expect ~= '-' and not find(expect or '', '^%d+$') then invalid('expect', 'is neither - nor a number') end
end

-- append: SESSION TYPE EXPECT [FIELD VALUE ...]
local function append(keys, args)
  local call = open_call(keys, args[1])
  if not args[2] then invalid('type', 'is missing') end
  check_expect(args[3])
  if #args % 2 == 0 then invalid('fields', 'are not pairs of a name and a value') end
  read_settings(call)
  return append_changes(call, args[3], { read_change(call, args, 4, #args, args[2]) })[1]
end

-- append_all: SESSION EXPECT COUNT (TYPE PAIRS FIELD VALUE ...) x COUNT
local function append_all(keys, args)
  local call = open_call(keys, args[1])
  check_expect(args[2])
  local count, place, changes = tonumber(match(args[3] or '', '^%d+$')), 4, {}
  if not count or count == 0 then invalid('count', 'is not the number of changes') end
  read_settings(call)
  for index = 1, count do
    local number = tonumber(match(args[place + 1] or '', '^%d+$'))
    local last = number and place + 1 + 2 * number
    if not last or last > #args then invalid('pairs', 'of change ' .. index .. ' is not the number of its pairs of a name and a value') end
    local ok, change = pcall(read_change, call, args, place + 2, last, args[place])
    if not ok then
      if type(change) == 'table' and change.refusal then change.refusal = change.refusal .. ' (change ' .. index .. ')' end
      error(change, 0)
    end
    changes[index], place = change, last + 1
  end
  if place <= #args then invalid('count', 'is less than the number of changes') end
  return append_changes(call, args[2], changes)
end

