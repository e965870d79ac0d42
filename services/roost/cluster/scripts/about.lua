-- Say that a process is here and what it is, or that it leaves.
--
-- KEYS[1]  u1:{all}
-- KEYS[2]  u1:{all}:ID
-- KEYS[3]  u1:{all}:levels
-- ARGV[1]  the process's id
-- ARGV[2]  how long it is remembered after its last sign of life, ms; 0 leaves
-- ARGV[3]  its pod's name
-- ARGV     from the fourth on what it says of itself: name, value, name, value, ...
--
-- Returns the log level that somebody has asked its pod, or else all, to use, and for how many ms more;
-- or nothing.
local keep = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if keep == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[2])
  return {}
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - keep)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[2], keep)
for _, whom in ipairs({ 'p:' .. ARGV[3], '*' }) do
  local asked = redis.call('HGET', KEYS[3], whom)
  if asked then
    local level, untill = string.match(asked, '^(%a+)\t(%d+)$')
    if level == 'configured' then return {} end
    if tonumber(untill) > now then return { level, tonumber(untill) - now } end
  end
end
return {}
