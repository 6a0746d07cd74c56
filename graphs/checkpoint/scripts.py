"""The Lua that runs inside Redis: each call of the saver is one of these, whole or not at all, in one round trip.

KEYS are always the thread's names and data (see `graphs.checkpoint.keys`). Only core commands; Redis 6.2 and later.
"""

import hashlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Script:
    """A Lua script and the digest by which Redis remembers it."""

    text: str
    digest: str

    @classmethod
    def of(cls, text: str) -> "Script":
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


# Shared by put and anything else that removes a checkpoint: its values, if it was the last to refer to them, its
# metadata and its pending writes go with it.
_FORGET = """
local names, data = KEYS[1], KEYS[2]
local function release(id)
  local refs = redis.call('HGET', data, 'r\\0' .. id)
  if not refs then return end
  for _, value in ipairs(cmsgpack.unpack(refs)) do
    if redis.call('HINCRBY', data, 'n\\0' .. value, -1) <= 0 then
      redis.call('HDEL', data, 'n\\0' .. value, 'v\\0' .. value)
    end
  end
end
local function forget_writes(low, high, most)
  local writes = redis.call('ZRANGE', names, low, high, 'BYLEX', 'LIMIT', 0, most)
  if #writes > 0 then
    redis.call('HDEL', data, unpack(writes))
    redis.call('ZREM', names, unpack(writes))
  end
end
"""

# ARGV: namespace, id, checkpoint, metadata, packed [refs], ttl in ms (0: none), keep (0: all), name and bytes of each
# new large value. Answers the large values it misses, having changed nothing, or an empty list.
PUT = Script.of(
    _FORGET
    + """
local ns, id, ttl, keep = ARGV[1], ARGV[1] .. '\\0' .. ARGV[2], tonumber(ARGV[6]), tonumber(ARGV[7])
local refs, fresh, missing = cmsgpack.unpack(ARGV[5]), {}, {}
for i = 8, #ARGV, 2 do fresh[ARGV[i]] = ARGV[i + 1] end
for _, value in ipairs(refs) do
  if not fresh[value] and redis.call('HEXISTS', data, 'v\\0' .. value) == 0 then missing[#missing + 1] = value end
end
if #missing > 0 then return missing end
for value, bytes in pairs(fresh) do redis.call('HSET', data, 'v\\0' .. value, bytes) end
for _, value in ipairs(refs) do redis.call('HINCRBY', data, 'n\\0' .. value, 1) end
release(id)
redis.call('HSET', data, 'c\\0' .. id, ARGV[3], 'm\\0' .. id, ARGV[4])
if #refs > 0 then redis.call('HSET', data, 'r\\0' .. id, ARGV[5]) else redis.call('HDEL', data, 'r\\0' .. id) end
redis.call('ZADD', names, 0, 'c\\0' .. id)
if keep > 0 then
  local low, high = '[c\\0' .. ns .. '\\0', '(c\\0' .. ns .. '\\1'
  local surplus = redis.call('ZLEXCOUNT', names, low, high) - keep
  if surplus > 0 then
    -- Usually one. A thread that grew under a larger keep shrinks by a few at each put: the cost of a put is bounded.
    for _, old in ipairs(redis.call('ZRANGE', names, low, high, 'BYLEX', 'LIMIT', 0, math.min(surplus, 8))) do
      local rest = string.sub(old, 3)
      release(rest)
      redis.call('HDEL', data, old, 'm\\0' .. rest, 'r\\0' .. rest)
      redis.call('ZREM', names, old)
    end
    local oldest = string.sub(redis.call('ZRANGE', names, low, high, 'BYLEX', 'LIMIT', 0, 1)[1], 3)
    forget_writes('[w\\0' .. ns .. '\\0', '(w\\0' .. oldest, 200)
  end
end
if ttl > 0 then redis.call('PEXPIRE', names, ttl) redis.call('PEXPIRE', data, ttl) end
return {}
"""
)

# ARGV: ttl in ms (0: none), then name, "1" if it replaces what is there, and bytes, of each write.
PUT_WRITES = Script.of("""
local names, data, ttl = KEYS[1], KEYS[2], tonumber(ARGV[1])
for i = 2, #ARGV, 3 do
  if ARGV[i + 1] == '1' then
    redis.call('HSET', data, ARGV[i], ARGV[i + 2])
  else
    redis.call('HSETNX', data, ARGV[i], ARGV[i + 2])
  end
  redis.call('ZADD', names, 0, ARGV[i])
end
if ttl > 0 then redis.call('PEXPIRE', names, ttl) redis.call('PEXPIRE', data, ttl) end
""")

# ARGV: namespace, then ids; no id at all means the latest. Answers, for each checkpoint that is there:
# [name, checkpoint, metadata, [names of its large values], [these values], [pending writes]].
READ = Script.of("""
local names, data, ns, ids, found = KEYS[1], KEYS[2], ARGV[1], {}, {}
for i = 2, #ARGV do ids[#ids + 1] = 'c\\0' .. ns .. '\\0' .. ARGV[i] end
if #ids == 0 then
  ids = redis.call('ZRANGE', names, '(c\\0' .. ns .. '\\1', '[c\\0' .. ns .. '\\0', 'BYLEX', 'REV', 'LIMIT', 0, 1)
end
for _, name in ipairs(ids) do
  local id = string.sub(name, 3)
  local checkpoint, metadata, packed = unpack(redis.call('HMGET', data, name, 'm\\0' .. id, 'r\\0' .. id))
  if checkpoint then
    local refs, values, writes = {}, {}, {}
    if packed then refs = cmsgpack.unpack(packed) end
    for i, value in ipairs(refs) do values[i] = redis.call('HGET', data, 'v\\0' .. value) end
    local pending = redis.call('ZRANGE', names, '[w\\0' .. id .. '\\0', '(w\\0' .. id .. '\\1', 'BYLEX')
    for i, write in ipairs(pending) do writes[i] = redis.call('HGET', data, write) end
    found[#found + 1] = {name, checkpoint, metadata, refs, values, writes}
  end
end
return found
""")

# ARGV: upper and lower bound, most, "1" to answer metadata too. Answers [[names, newest first], [their metadata]].
PAGE = Script.of("""
local names, data, metadata = KEYS[1], KEYS[2], {}
local found = redis.call('ZRANGE', names, ARGV[1], ARGV[2], 'BYLEX', 'REV', 'LIMIT', 0, tonumber(ARGV[3]))
if ARGV[4] == '1' then
  for i, name in ipairs(found) do metadata[i] = redis.call('HGET', data, 'm\\0' .. string.sub(name, 3)) end
end
return {found, metadata}
""")

Reply = Any  # what redis-py makes of a Lua table: lists of lists of bytes, as the comments above tell
