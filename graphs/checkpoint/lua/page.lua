-- ARGV: namespace, an id that all are older than or '', the only id asked for or '', most, '1' to answer metadata too.
-- Answers {{ids, newest first}, {their metadata}}.
local names, data = KEYS[1], KEYS[2]
local ns, before, only, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local ids, metadata = {}, {}

local function add(id, field)
  if #ids >= most then return end
  ids[#ids + 1] = id
  if ARGV[5] == '1' then metadata[#metadata + 1] = redis.call('HGET', data, field) end
end

local packed = redis.call('HGET', data, 'H\0' .. ns)
local head = packed and cmsgpack.unpack(packed)[6]
if head and (before == '' or head < before) and (only == '' or only == head) then add(head, 'M\0' .. ns) end

local stem = 'c\0' .. ns .. '\0'
local low, high = '[' .. stem, '(c\0' .. ns .. '\1'
if only ~= '' then low, high = '[' .. stem .. only, '[' .. stem .. only end
if before ~= '' and (only == '' or only >= before) then high = '(' .. stem .. before end
for _, name in ipairs(redis.call('ZRANGE', names, high, low, 'BYLEX', 'REV', 'LIMIT', 0, most)) do
  add(string.sub(name, #stem + 1), 'm' .. string.sub(name, 2))
end
return {ids, metadata}
