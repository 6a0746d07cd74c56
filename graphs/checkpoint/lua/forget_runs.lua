-- ARGV: most, then runs. Removes up to so many checkpoints that these runs made; answers 1 if more are left, else 0.
local left = tonumber(ARGV[1])
for i = 2, #ARGV do
  for _, entry in ipairs(range('[x\0' .. ARGV[i] .. '\0', '(x\0' .. ARGV[i] .. '\1', math.max(left, 0))) do
    local ns, id = string.match(entry, '^x%z[^%z]*%z([^%z]*)%z(.*)$')
    forget(ns, id)
    redis.call('ZREM', names, entry)
    forget_if_empty(ns)
    left = left - 1
  end
end
save()
return left <= 0 and 1 or 0
