-- ARGV: namespace, then ids; no id at all means the latest. Answers, for each checkpoint that is there:
-- {checkpoint, metadata, heading, {large values, in the heading's order}, {pending writes}}.
local ns, found = ARGV[1], {}

local function add(parts, told)
  local checkpoint, metadata, packed = unpack(parts)
  if not checkpoint then return end
  told = told or cmsgpack.unpack(packed)
  local rest, fields, values, writes = ns .. '\0' .. told[6], {}, {}, {}
  for i, value in ipairs(told[5]) do fields[i] = 'v\0' .. value end
  fields[#fields + 1] = 'p\0' .. rest
  for first = 1, #fields, 4000 do -- a call takes some thousand arguments at the most
    local part = redis.call('HMGET', data, unpack(fields, first, math.min(first + 3999, #fields)))
    for i, value in ipairs(part) do values[first + i - 1] = value end
  end
  if table.remove(values) then
    local pending = redis.call('ZRANGE', names, '[w\0' .. rest .. '\0', '(w\0' .. rest .. '\1', 'BYLEX')
    for i, write in ipairs(pending) do writes[i] = redis.call('HGET', data, write) end
  end
  found[#found + 1] = {checkpoint, metadata, packed, values, writes}
end

local function past(id)
  local rest = ns .. '\0' .. id
  return redis.call('HMGET', data, 'c\0' .. rest, 'm\0' .. rest, 'h\0' .. rest)
end

local head = redis.call('HMGET', data, 'C\0' .. ns, 'M\0' .. ns, 'H\0' .. ns)
local told = head[3] and cmsgpack.unpack(head[3])
local head_id = told and told[6]
if #ARGV == 1 and told then
  add(head, told)
elseif #ARGV == 1 then
  local low, high = '[c\0' .. ns .. '\0', '(c\0' .. ns .. '\1'
  local last = redis.call('ZRANGE', names, high, low, 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
  if last then add(past(string.sub(last, #ns + 4))) end
else
  for i = 2, #ARGV do
    if ARGV[i] == head_id then add(head, told) else add(past(ARGV[i])) end
  end
end
return found
