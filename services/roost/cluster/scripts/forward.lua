-- Append entries that one shard makes for another, each once.
--
-- KEYS[1]  s1:{service:N}, the log of the shard they are for
-- KEYS[2]  a1:{service:N}, source shard -> the highest mark that has come from it
-- ARGV[1]  the source shard
-- ARGV     from the second on: an entry, its mark, another entry, its mark, ...
--          Marks are numbers that go up with what the source shard handles.
--
-- Returns how many were appended; the others were there before: their maker died and was done again.
-- All or none: an entry behind one that is missing would have it taken for one that was there before.
-- There is no bound here: two full shards would wait for each other.
local last = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or -1)
local id, appended = '1-*', 0
if redis.call('EXISTS', KEYS[1]) == 0 then -- positions begin as append.lua says
  local now = redis.call('TIME')
  id = string.format('1-%.0f', (now[1] * 1000 + math.floor(now[2] / 1000)) * 64)
end
for at = 2, #ARGV, 2 do
  local mark = tonumber(ARGV[at + 1])
  if mark > last then
    last, appended = mark, appended + 1
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[at + 1])
    local position = string.sub(redis.call('XADD', KEYS[1], id, 'd', ARGV[at]), 3)
    redis.call('SPUBLISH', KEYS[1], position .. '\n' .. ARGV[at])
    id = '1-*'
  end
end
return appended
