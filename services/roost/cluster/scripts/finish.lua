-- Note that a shard's entries are finished, and drop them.
--
-- KEYS[1]  o1:{service:N}
-- KEYS[2]  s1:{service:N}
-- ARGV[1]  the fencing epoch of who says so
-- ARGV[2]  the position of the last finished entry
--
-- Returns 1, or 0 when the shard has another owner by now.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'done')
if state[1] ~= ARGV[1] then return 0 end
if tonumber(state[2] or -1) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'done', ARGV[2])
  redis.call('XTRIM', KEYS[2], 'MINID', string.format('1-%.0f', ARGV[2] + 1))
end
return 1
