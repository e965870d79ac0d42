-- What an ended session leaves behind, but for its queue (see forget.lua).
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  resource
-- ARGV[2]  sid
--
-- Returns {record, last presence or '', JIDs with directed presence}, or {} when there is no such ended
-- session.
local tag = string.sub(KEYS[1], 4)
local field = ARGV[1] .. '\t' .. ARGV[2]
local record = redis.call('HGET', KEYS[1], field)
if not record then return {} end
return {
  record,
  redis.call('HGET', 'p1:' .. tag, field) or '',
  redis.call('SMEMBERS', 'd1:' .. tag .. ':' .. ARGV[2]),
}
