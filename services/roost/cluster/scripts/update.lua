-- Change what the registry says of a session, if it is still that session's.
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  resource
-- ARGV[2]  sid
-- ARGV[3]  what: p (available, with priority ARGV[4] and the presence ARGV[5]), u (unavailable),
--          i (has asked for the roster), d (directed presence went to ARGV[4]; ARGV[5] are the most that
--          are noted), x (and no longer)
--
-- Returns 1, or 0 when the session is not there.
local registry, resource, what = KEYS[1], ARGV[1], ARGV[3]
local tag = string.sub(registry, 4)
local value = redis.call('HGET', registry, resource)
if not value then return 0 end
-- `rest` has what a newer release may have put before the flags
local sid, pod, generation, priority, rest = string.match(value, '^([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)\t(.*)$')
if sid ~= ARGV[2] then return 0 end
if what == 'p' then
  priority = ARGV[4]
  redis.call('HSET', 'p1:' .. tag, resource, ARGV[5])
elseif what == 'u' then
  priority = '-'
  redis.call('HDEL', 'p1:' .. tag, resource)
elseif what == 'd' then
  local noted = 'd1:' .. tag .. ':' .. sid
  -- the connection manager refuses before; here the list may still hold what an earlier `unavailable` clears
  if redis.call('SCARD', noted) < tonumber(ARGV[5]) then redis.call('SADD', noted, ARGV[4]) end
  return 1
elseif what == 'x' then
  redis.call('SREM', 'd1:' .. tag .. ':' .. sid, ARGV[4])
  return 1
elseif not string.find(string.match(rest, '[^\t]*$'), 'i', 1, true) then
  rest = rest .. 'i'
end
redis.call('HSET', registry, resource, table.concat({ sid, pod, generation, priority, rest }, '\t'))
return 1
