-- ARGV: ttl in ms (0: none) and the two strings of DUMP. Replaces what the thread was.
redis.call('DEL', KEYS[1], KEYS[2])
for i = 1, 2 do redis.call('RESTORE', KEYS[i], ARGV[1], ARGV[i + 1]) end
