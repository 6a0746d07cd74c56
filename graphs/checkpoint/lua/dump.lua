-- Answers the thread as two strings that RESTORE understands, or nothing.
local names, data = redis.call('DUMP', KEYS[1]), redis.call('DUMP', KEYS[2])
if not names or not data then return {} end
return {names, data}
