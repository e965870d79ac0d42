-- Append an entry to a log and publish it.
--
-- KEYS[1]  the log: a stream, and the channel of the same name
-- ARGV[1]  the entry
-- ARGV[2]  the log's bound: old entries are dropped beyond it; 0 for a log that drops nothing
-- ARGV[3]  the most entries that may wait; beyond it the entry is refused; 0 for no such bound
--
-- Returns the entry's position, or the error FULL when it was refused.
--
-- Positions are consecutive. The first is the time in 1/64 ms, so that they go up also when Redis has
-- forgotten everything: whoever remembers one from before sees a gap, and never an old position again.
local log = KEYS[1]
if ARGV[3] ~= '0' and redis.call('XLEN', log) >= tonumber(ARGV[3]) then
  return redis.error_reply('FULL too many entries wait')
end
local id = '1-*'
if redis.call('EXISTS', log) == 0 then
  local now = redis.call('TIME')
  id = string.format('1-%.0f', (now[1] * 1000 + math.floor(now[2] / 1000)) * 64)
end
if ARGV[2] ~= '0' then
  id = redis.call('XADD', log, 'MAXLEN', '~', ARGV[2], id, 'd', ARGV[1])
else
  id = redis.call('XADD', log, id, 'd', ARGV[1])
end
local position = string.sub(id, 3)
redis.call('SPUBLISH', log, position .. '\n' .. ARGV[1])
return tonumber(position)
