-- Enter a session into the registry (RFC 6120 section 7). A session that holds the resource gives way.
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  resource
-- ARGV[2]  sid
-- ARGV[3]  pod
-- ARGV[4]  the most live sessions of one account
-- ARGV[5]  '' for a new session; the flags and priority it had, `prio<tab>flags`, for one entered again
--          after Redis came back empty
-- ARGV[6]  the last presence of a session entered again, or ''
--
-- Returns {1, sid and pod of the session that gave way, or '' and ''}, or {0} when there are too many.
local registry, resource, sid = KEYS[1], ARGV[1], ARGV[2]
local tag = string.sub(registry, 4)
local value = redis.call('HGET', registry, resource)
local old_sid, old_pod = '', ''
if value then
  old_sid, old_pod = string.match(value, '^([^\t]+)\t([^\t]+)')
  if old_sid == sid then
    old_sid, old_pod = '', ''
  else
    redis.call('HSET', registry, resource .. '\t' .. old_sid, value .. 'e')
    local presence = redis.call('HGET', 'p1:' .. tag, resource)
    if presence then
      redis.call('HDEL', 'p1:' .. tag, resource)
      redis.call('HSET', 'p1:' .. tag, resource .. '\t' .. old_sid, presence)
    end
    redis.call('SPUBLISH', 'j1:' .. tag, 'c\tclose\t' .. old_sid .. '\tconflict\n\n')
  end
elseif redis.call('HLEN', registry) >= tonumber(ARGV[4]) then
  return { 0 }
end
local state = ARGV[5] ~= '' and ARGV[5] or '-\t'
redis.call('HSET', registry, resource, sid .. '\t' .. ARGV[3] .. '\t1\t' .. state)
if ARGV[6] ~= '' then redis.call('HSET', 'p1:' .. tag, resource, ARGV[6]) end
return { 1, old_sid, old_pod }
