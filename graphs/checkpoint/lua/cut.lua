-- What a namespace has of the past beyond what may stay goes. ARGV: namespace, how many may stay. Whoever comes too late or
-- twice finds nothing to do, and where it never came, the next turn's asks for the same.
forget_oldest(ARGV[1], tonumber(ARGV[2]))
save()
return 1
