-- The pods whose lease has run out. They are fenced: a heartbeat of theirs fails from now on.
--
-- KEYS[1]  l1:{pods}
-- ARGV[1]  a lease's length, ms
--
-- A pod that is found stays in the set l1:{pods}:swept until its sessions have ended, so that a sweep
-- that dies is done again.
--
-- When nobody has looked for longer than a lease runs, Redis itself may have been away, and pods that
-- are well could not refresh theirs: all get a new one before any counts as run out.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local looked = redis.call('GETSET', KEYS[1] .. ':looked', now)
if looked and now - tonumber(looked) > tonumber(ARGV[1]) then
  for _, pod in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZADD', KEYS[1], 'GT', now + tonumber(ARGV[1]), pod)
  end
end
for _, pod in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], pod)
  redis.call('SADD', KEYS[1] .. ':swept', pod)
end
return redis.call('SMEMBERS', KEYS[1] .. ':swept')
