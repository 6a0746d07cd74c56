-- ARGV: a namespace or nothing, most. Answers the thread's namespaces after that one, in order.
local low = #ARGV > 1 and '(s\0' .. ARGV[1] or '[s\0'
local found = redis.call('ZRANGE', KEYS[1], low, '(s\1', 'BYLEX', 'LIMIT', 0, ARGV[#ARGV])
for i, name in ipairs(found) do found[i] = string.sub(name, 3) end
return found
