-- The end of `after.lua` where the head whose place was taken had pending writes.
forget_writes_of(ns, ARGV[3])
save()
return done
