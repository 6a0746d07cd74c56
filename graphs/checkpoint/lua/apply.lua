-- What is written in one breath of a thread. ARGV: msgpack of {ttl in ms or 0, keep or 0, calls}, then bytes, named in the
-- calls by their place in ARGV (Redis unpacks no msgpack of type bin). Each call is one of
--   {'w', namespace, checkpoint id, {name, true if it replaces what is there, its bytes, ...}}
--   {'p', namespace, id, checkpoint, metadata, heading, {name of a large value, its bytes, ...},
--    true if its turn goes on, true if the namespace is one task's}
-- Answers the names of large values that it misses, having changed nothing; or nothing.
local ttl, keep, calls = unpack(cmsgpack.unpack(ARGV[1]))

local fresh, told, missing = {}, {}, {}
do
  local fields = {}
  local function ask(field) fields[#fields + 1] = field end
  for i, call in ipairs(calls) do
    local ns = call[2]
    ask('H\0' .. ns)
    if call[1] == 'w' then
      for at = 1, #call[4], 3 do ask(call[4][at]) end
    else
      local mine, sent = cmsgpack.unpack(ARGV[call[6]]), call[7]
      told[i] = mine
      for at = 1, #sent, 2 do fresh[sent[at]] = ARGV[sent[at + 1]] end
      for _, value in ipairs(mine[5]) do ask('n\0' .. value) end
      ask('d\0' .. ns)
      ask('p\0' .. ns .. '\0' .. mine[1])
    end
  end
  look(fields)
  for _, mine in pairs(told) do
    for _, value in ipairs(mine[5]) do
      if not fresh[value] and not get('n\0' .. value) then missing[#missing + 1] = value end
    end
  end
end
if #missing > 0 then return missing end

local function put_writes(ns, id, entries)
  if keep > 0 and not heading(ns, id) then
    local last = newest(ns)
    if last and last > id then return end -- too late: its checkpoint has gone
  end
  local added = {}
  for at = 1, #entries, 3 do
    local name, replaces = entries[at], entries[at + 1]
    if replaces or not get(name) then set(name, ARGV[entries[at + 2]]) end
    added[#added + 1] = 0
    added[#added + 1] = name
  end
  in_parts(added, 4000, function(...) redis.call('ZADD', names, ...) end)
  set('p\0' .. ns .. '\0' .. id, '1')
end

local function own(ns, id)
  local owner = get('o\0' .. ns)
  if owner and owner >= id then return end
  if owner then redis.call('ZREM', names, 'o\0' .. owner .. '\0' .. ns) end
  set('o\0' .. ns, id)
  redis.call('ZADD', names, 0, 'o\0' .. id .. '\0' .. ns)
end

-- Whether a checkpoint takes the place of the one before it in its turn.
local function follows(mine, its)
  if not its or mine[1] ~= its[6] then return false end
  return mine[2] == 'r' or mine[2] == 's' and tonumber(mine[3]) == (tonumber(its[3]) or 1 / 0) + 1
end

local function list(ns, call, mine)
  if mine[4] ~= '' then redis.call('ZADD', names, 0, 'x\0' .. mine[4] .. '\0' .. ns .. '\0' .. mine[6]) end
  if call[9] then own(ns, mine[6]) end
end

local function refer(refs)
  for _, value in ipairs(refs) do
    if count(value, 1) == 1 then set('v\0' .. value, fresh[value]) end
  end
end

-- In the place of the head that there is, if there is one; what that leaves behind goes.
local function write_head(ns, call, mine)
  local before = head(ns)
  refer(mine[5])
  if before then
    release(before[5])
    forget_run(ns, before)
    if before[6] ~= mine[6] then forget_writes_of(ns, before[6]) end
  else
    redis.call('ZADD', names, 0, 's\0' .. ns)
  end
  set('C\0' .. ns, ARGV[call[4]])
  set('M\0' .. ns, ARGV[call[5]])
  set('H\0' .. ns, ARGV[call[6]])
  list(ns, call, mine)
end

local function write_past(ns, call, mine)
  local rest = ns .. '\0' .. mine[6]
  local packed = get('h\0' .. rest)
  refer(mine[5])
  if packed then
    local before = cmsgpack.unpack(packed) -- where it is put again
    release(before[5])
    forget_run(ns, before)
  end
  set('c\0' .. rest, ARGV[call[4]])
  set('m\0' .. rest, ARGV[call[5]])
  set('h\0' .. rest, ARGV[call[6]])
  redis.call('ZADD', names, 0, 'c\0' .. rest, 0, 's\0' .. ns)
  list(ns, call, mine)
end

-- The head becomes one of the past.
local function pass(ns, first)
  local rest = ns .. '\0' .. first[6]
  look({'C\0' .. ns, 'M\0' .. ns})
  for _, kind in ipairs({'C', 'M', 'H'}) do
    set(string.lower(kind) .. '\0' .. rest, get(kind .. '\0' .. ns))
    set(kind .. '\0' .. ns, false)
  end
  redis.call('ZADD', names, 0, 'c\0' .. rest)
end

local function put_all(ns, call, mine)
  local first = head(ns)
  if first and mine[6] > first[6] then pass(ns, first) end
  if first and mine[6] == first[6] then write_head(ns, call, mine) else write_past(ns, call, mine) end
end

-- The newest is the head, in which a turn's checkpoints take each other's place: one field written over, no more.
local function put_and_cut(ns, call, mine)
  local id, first = mine[6], head(ns)
  local goes_on, last = call[8], first and first[6] or newest_past(ns)
  if first and id > last and follows(mine, first) then
    write_head(ns, call, mine)
    if not goes_on then forget_oldest(ns, keep - 1) end
    return
  end
  if last and id < last then
    local after = range('(c\0' .. ns .. '\0' .. id, '(c\0' .. ns .. '\1', 1)[1]
    local following = after and heading(ns, id_in(ns, after)) or first
    if following and follows(following, mine) then
      return forget(ns, id) -- it came late: the one that takes its place is here
    end
    write_past(ns, call, mine)
  elseif last == id and not first then
    write_past(ns, call, mine)
  else
    if first and id > last then pass(ns, first) end
    write_head(ns, call, mine)
  end
  local before = newest_past(ns, id)
  if before and follows(mine, heading(ns, before)) then forget(ns, before) end
  forget_oldest(ns, keep + (goes_on and 1 or 0) - (head(ns) and 1 or 0))
end

for i, call in ipairs(calls) do
  local ns, mine = call[2], told[i]
  if not mine then
    put_writes(ns, call[3], call[4])
  else
    if mine[2] == 'd' then set('d\0' .. ns, '1') end
    if keep == 0 or get('d\0' .. ns) then put_all(ns, call, mine) else put_and_cut(ns, call, mine) end
  end
end
save()
if ttl > 0 then
  redis.call('PEXPIRE', names, ttl)
  redis.call('PEXPIRE', data, ttl)
end
return {}
