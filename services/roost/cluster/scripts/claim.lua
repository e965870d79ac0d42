-- Take or keep a shard's lease.
--
-- KEYS[1]  o1:{service:N}
-- ARGV[1]  owner
-- ARGV[2]  the lease's length, ms; 0 gives the shard back
--
-- Returns {fencing epoch, last finished position or -1} for the owner, or {0} when the shard is another's.
-- The epoch grows whenever the owner changes, and when a lease that had run out is taken again. It is not
-- less than the clock, so that it grows also when Redis has forgotten everything: an owner from before
-- that must not be mistaken for one from after.
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'owner', 'until', 'epoch', 'done')
local mine = state[1] == ARGV[1]
local running = state[2] and tonumber(state[2]) > ms
if not mine and running then return { 0 } end
if ARGV[2] == '0' then
  if mine then redis.call('HSET', KEYS[1], 'until', 0) end
  return { 0 }
end
local epoch = tonumber(state[3] or 0)
if not (mine and running) then epoch = math.max(epoch + 1, ms) end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', ms + tonumber(ARGV[2]), 'epoch', epoch)
return { epoch, tonumber(state[4] or -1) }
