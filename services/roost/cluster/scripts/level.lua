-- Ask processes to log at a level for a while.
--
-- KEYS[1]  u1:{all}:levels
-- KEYS[2]  u1:{all}:changed, the channel that tells them to look
-- ARGV[1]  the pod's name, or '' for all; all forget what was asked of some
-- ARGV[2]  the level, or `configured` for the one in their settings
-- ARGV[3]  for how long, ms
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3]
local whom = ARGV[1] == '' and '*' or 'p:' .. ARGV[1]
if whom == '*' then redis.call('DEL', KEYS[1]) end
if whom ~= '*' or ARGV[2] ~= 'configured' then
  redis.call('HSET', KEYS[1], whom, string.format('%s\t%.0f', ARGV[2], ends))
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
end
redis.call('SPUBLISH', KEYS[2], '')
