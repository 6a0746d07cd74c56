-- The namespaces of single tasks whose last word is as old as a checkpoint of the root that has gone.
local function forget_tasks(id)
  for _, entry in ipairs(range('[o\0', '(o\0' .. id .. '\1', 16)) do
    local ns = string.match(entry, '^o%z[^%z]*%z(.*)$')
    local first = head(ns)
    if first then forget(ns, first[6]) end
    local low, high = all_of(ns)
    for _, one in ipairs(range(low, high, 16)) do forget(ns, id_in(ns, one)) end
    forget_if_empty(ns)
  end
end

-- Of the past at most so many stay. Usually one goes; a thread that grew under a larger keep shrinks by a few at each
-- put, whose cost is bounded.
local function forget_oldest(ns, most)
  local low, high = all_of(ns)
  local surplus, last = redis.call('ZLEXCOUNT', names, low, high) - most, nil
  if surplus <= 0 then return end
  for _, one in ipairs(range(low, high, math.min(surplus, 8))) do
    last = id_in(ns, one)
    forget(ns, last)
  end
  if not last then return end
  forget_writes('[w\0' .. ns .. '\0', '(w\0' .. ns .. '\0' .. last .. '\1', 200)
  if ns == '' then forget_tasks(last) end
end
