-- A thread as the scripts that change it see it: names at once, data through a memory that `save` writes back.
local names, data = KEYS[1], KEYS[2]
local seen, was = {}, {}

-- A call of Redis takes some thousand arguments at the most.
local function in_parts(list, size, use)
  for first = 1, #list, size do use(unpack(list, first, math.min(first + size - 1, #list))) end
end

local function look(fields)
  in_parts(fields, 4000, function(...)
    local asked = {...}
    for i, value in ipairs(redis.call('HMGET', data, ...)) do
      local field = asked[i]
      if seen[field] == nil then seen[field], was[field] = value, value end
    end
  end)
end

local function get(field)
  if seen[field] == nil then look({field}) end
  return seen[field]
end

-- A value of false takes the field out.
local function set(field, value)
  if was[field] == nil then was[field] = 0 end -- not known: written whatever it was
  seen[field] = value
end

local function save()
  local sets, gone = {}, {}
  for field, value in pairs(seen) do
    if value ~= was[field] then
      if value then
        sets[#sets + 1] = field
        sets[#sets + 1] = value
      else
        gone[#gone + 1] = field
      end
    end
  end
  in_parts(sets, 4000, function(...) redis.call('HSET', data, ...) end)
  in_parts(gone, 4000, function(...) redis.call('HDEL', data, ...) end)
end

local function range(low, high, most)
  return redis.call('ZRANGE', names, low, high, 'BYLEX', 'LIMIT', 0, most)
end

local function all_of(ns) return '[c\0' .. ns .. '\0', '(c\0' .. ns .. '\1' end

local function id_in(ns, name) return string.sub(name, #ns + 4) end

-- A heading is {parent, kind, step, run, {names of large values}, id}. That of the namespace's head, or nothing.
local heads = {}
local function head(ns)
  local packed = get('H\0' .. ns)
  if not packed then return end
  if not heads[packed] then heads[packed] = cmsgpack.unpack(packed) end
  return heads[packed]
end

local function heading(ns, id)
  local first = head(ns)
  if first and first[6] == id then return first, true end
  local packed = get('h\0' .. ns .. '\0' .. id)
  return packed and cmsgpack.unpack(packed)
end

-- The newest that is no head, below an id if one is given.
local function newest_past(ns, id)
  local low, high = all_of(ns)
  if id then high = '(c\0' .. ns .. '\0' .. id end
  local found = redis.call('ZRANGE', names, high, low, 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
  return found and id_in(ns, found)
end

-- The head, where there is one, is newer than everything else.
local function newest(ns)
  local first = head(ns)
  return first and first[6] or newest_past(ns)
end

local function count(value, change)
  local field = 'n\0' .. value
  local left = (tonumber(get(field)) or 0) + change
  set(field, left > 0 and tostring(left))
  return left
end

local function release(refs)
  local counts = {}
  for i, value in ipairs(refs) do counts[i] = 'n\0' .. value end
  if #counts > 0 then look(counts) end
  for _, value in ipairs(refs) do
    if count(value, -1) <= 0 then set('v\0' .. value, false) end
  end
end

-- Answers how many there were; `most` at the most.
local function forget_writes(low, high, most)
  local writes = range(low, high, most)
  if #writes > 0 then
    redis.call('ZREM', names, unpack(writes))
    for _, write in ipairs(writes) do
      set(write, false)
      set('p' .. string.match(write, '^w(%z[^%z]*%z[^%z]*)%z'), false)
    end
  end
  return #writes
end

local function forget_writes_of(ns, id)
  local rest = ns .. '\0' .. id
  if not get('p\0' .. rest) then return end
  while forget_writes('[w\0' .. rest .. '\0', '(w\0' .. rest .. '\1', 1000) == 1000 do end
end

local function forget_run(ns, told)
  if told[4] ~= '' then redis.call('ZREM', names, 'x\0' .. told[4] .. '\0' .. ns .. '\0' .. told[6]) end
end

-- A checkpoint with its metadata, its pending writes, and the values that no other refers to.
local function forget(ns, id)
  local rest = ns .. '\0' .. id
  look({'H\0' .. ns, 'h\0' .. rest, 'p\0' .. rest})
  local told, is_head = heading(ns, id)
  if told then
    release(told[5])
    forget_run(ns, told)
    if is_head then
      for _, kind in ipairs({'C', 'M', 'H'}) do set(kind .. '\0' .. ns, false) end
    else
      for _, kind in ipairs({'c', 'm', 'h'}) do set(kind .. '\0' .. rest, false) end
      redis.call('ZREM', names, 'c\0' .. rest)
    end
  end
  forget_writes_of(ns, id)
end

-- What is known of a namespace without a checkpoint.
local function forget_if_empty(ns)
  if newest(ns) then return end
  redis.call('ZREM', names, 's\0' .. ns)
  local owner = get('o\0' .. ns)
  if owner then
    redis.call('ZREM', names, 'o\0' .. owner .. '\0' .. ns)
    set('o\0' .. ns, false)
  end
end
