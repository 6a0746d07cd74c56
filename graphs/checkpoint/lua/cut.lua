-- What a namespace has of the past beyond what may stay beside its head goes. ARGV: namespace, how many, the head's id. Under
-- another head by now, as many would be one too few: its turn's end cuts for both. So it does where this never came.
local first = head(ARGV[1])
if first and first[6] == ARGV[3] then
  forget_oldest(ARGV[1], tonumber(ARGV[2]))
  save()
end
return 1
