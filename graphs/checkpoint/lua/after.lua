-- The common case of a put, done without unpacking anything: one checkpoint right after the head, by a writer that keeps
-- turns and knows that head. Answers 1, or 0 (having changed nothing) where the head is another or things are not so
-- simple: `apply.lua` is for that. Answers 2 where more of the past is left than may stay: `cut.lua` is for that. ARGV:
--   1 the head's heading as the writer knows it   2 namespace   3 the head's id   4 checkpoint   5 metadata   6 heading
--   7 how many checkpoints of the past may stay, or '' if none is to go   8 ttl in ms or 0
--   9 '1' if the new one takes the head's place, '' if the head passes into the past
--   10 the head's entry in its run's list, to be taken out, or ''   11 the new one's, or ''
--   12 how many large values are new, then their names and bytes, then the names of values whose count changes: of those
--      that go with the head, or of those that the head and the new one share
local ns, replaces = ARGV[2], ARGV[9] == '1'
local rest, pending = ns .. '\0' .. ARGV[3], false

if replaces and #ARGV == 12 then
  -- Nothing large comes or goes, as in most steps of a turn: without a table but the answer (a call took 106 us for 119).
  local found = redis.call('HMGET', data, 'H\0' .. ns, 'd\0' .. ns, 'p\0' .. rest)
  if found[1] ~= ARGV[1] or found[2] then return 0 end
  pending = found[3]
  redis.call('HSET', data, 'C\0' .. ns, ARGV[4], 'M\0' .. ns, ARGV[5], 'H\0' .. ns, ARGV[6])
else
  local fresh_to, fields = 12 + 2 * tonumber(ARGV[12]), {'H\0' .. ns, 'd\0' .. ns}
  if replaces then
    fields[3] = 'p\0' .. rest
  else
    fields[3], fields[4] = 'C\0' .. ns, 'M\0' .. ns
  end
  local known = #fields
  for i = 13, fresh_to, 2 do fields[#fields + 1] = 'n\0' .. ARGV[i] end
  local counted = #fields
  for i = fresh_to + 1, #ARGV do fields[#fields + 1] = 'n\0' .. ARGV[i] end

  local found = redis.call('HMGET', data, unpack(fields))
  if found[1] ~= ARGV[1] or found[2] then return 0 end
  for i = known + 1, counted do
    if found[i] then return 0 end
  end
  pending = replaces and found[3]

  local sets, gone = {'C\0' .. ns, ARGV[4], 'M\0' .. ns, ARGV[5], 'H\0' .. ns, ARGV[6]}, {}
  local function put(field, value)
    sets[#sets + 1] = field
    sets[#sets + 1] = value
  end
  for i = 13, fresh_to, 2 do
    put('v\0' .. ARGV[i], ARGV[i + 1])
    put('n\0' .. ARGV[i], '1')
  end
  for i = 1, #ARGV - fresh_to do
    local field, left = fields[counted + i], (tonumber(found[counted + i]) or 0) + (replaces and -1 or 1)
    if left > 0 then
      put(field, left)
    else
      gone[#gone + 1] = field
      gone[#gone + 1] = 'v' .. string.sub(field, 2)
    end
  end
  if not replaces then
    put('c\0' .. rest, found[3])
    put('m\0' .. rest, found[4])
    put('h\0' .. rest, ARGV[1])
    redis.call('ZADD', names, 0, 'c\0' .. rest)
  end
  redis.call('HSET', data, unpack(sets))
  if #gone > 0 then redis.call('HDEL', data, unpack(gone)) end
end

if replaces and ARGV[10] ~= '' then redis.call('ZREM', names, ARGV[10]) end
if ARGV[11] ~= '' then redis.call('ZADD', names, 0, ARGV[11]) end
if ARGV[8] ~= '0' then
  redis.call('PEXPIRE', names, ARGV[8])
  redis.call('PEXPIRE', data, ARGV[8])
end
local most, done = tonumber(ARGV[7]), 1
if most and redis.call('ZLEXCOUNT', names, '[c\0' .. ns .. '\0', '(c\0' .. ns .. '\1') > most then done = 2 end
if not pending then return done end
