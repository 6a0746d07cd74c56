-- The end of `after.lua`: what must go, goes.
if pending then forget_writes_of(ns, ARGV[3]) end
if most then forget_oldest(ns, most) end
save()
return 1
