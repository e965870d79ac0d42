-- Mark a session as ended: no stanza is chosen for it any more, and its resource is free.
-- Its record, presence and queue stay until the presence service has told everyone.
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  resource
-- ARGV[2]  sid
--
-- Returns 1, or 0 when the session had no live record.
local registry, resource, sid = KEYS[1], ARGV[1], ARGV[2]
local tag = string.sub(registry, 4)
local value = redis.call('HGET', registry, resource)
if not value or string.match(value, '^[^\t]+') ~= sid then return 0 end
redis.call('HDEL', registry, resource)
redis.call('HSET', registry, resource .. '\t' .. sid, value .. 'e')
local presence = redis.call('HGET', 'p1:' .. tag, resource)
if presence then
  redis.call('HDEL', 'p1:' .. tag, resource)
  redis.call('HSET', 'p1:' .. tag, resource .. '\t' .. sid, presence)
end
return 1
