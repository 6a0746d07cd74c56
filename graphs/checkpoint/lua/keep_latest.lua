-- ARGV: most. Removes up to so many checkpoints that are not the newest of their namespace; answers 1 if more are left,
-- -1 (having changed nothing) if a namespace is of a graph whose values live in older checkpoints, else 0.
local left, namespaces = tonumber(ARGV[1]), range('[s\0', '(s\1', -1)
for i, name in ipairs(namespaces) do
  namespaces[i] = string.sub(name, 3)
  if get('d\0' .. namespaces[i]) then return -1 end
end
for _, ns in ipairs(namespaces) do
  if left <= 0 then break end
  local high = head(ns) and '(c\0' .. ns .. '\1' or '(c\0' .. ns .. '\0' .. (newest(ns) or '')
  for _, one in ipairs(range('[c\0' .. ns .. '\0', high, left)) do
    forget(ns, id_in(ns, one))
    left = left - 1
  end
end
save()
return left <= 0 and 1 or 0
