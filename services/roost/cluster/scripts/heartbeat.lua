-- Refresh a pod's lease, or take the first one.
--
-- KEYS[1]  l1:{pods}
-- ARGV[1]  pod
-- ARGV[2]  the lease's length, ms
-- ARGV[3]  1 for a pod that begins or whose lease Redis has forgotten, 0 for one that believes it has one
--
-- Returns 1, or 0 when the lease was lost: the pod's sessions have been given up.
if redis.call('SISMEMBER', KEYS[1] .. ':swept', ARGV[1]) == 1 then return 0 end
if ARGV[3] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
local now = redis.call('TIME')
redis.call('ZADD', KEYS[1], now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2], ARGV[1])
return 1
