-- KEYS: the thread's names and data, then the names of newer schemas, in order. A thread that only they know is refused.
local names, data = KEYS[1], KEYS[2]
for i = 3, #KEYS do
  if redis.call('EXISTS', names) == 1 then break end
  if redis.call('EXISTS', KEYS[i]) == 1 then return redis.error_reply('NEWERSCHEMA ' .. (i - 2)) end
end
