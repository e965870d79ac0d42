-- Messages from the offline store have been handed on, and the store has forgotten them.
--
-- KEYS[1]  m1:{bare}, the counter of messages on their way to the store
-- KEYS[2]  h1:{bare}, the ids of those handed on
-- ARGV     their ids; none says that the store is empty
if #ARGV == 0 then return 0 end
-- the ids stay a while: another pod may have read the same messages before the store forgot them
redis.call('EXPIRE', KEYS[2], 3600)
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECRBY', KEYS[1], #ARGV) <= 0 then
  redis.call('DEL', KEYS[1])
end
return 1
