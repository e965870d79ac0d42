-- A message that nobody took has been put into the offline store (or could not be): count it off, and
-- when the account has somebody who could take it now, tell that session's pod to fetch.
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  how many messages the store did not take, and so nobody will fetch
--
-- Returns 1 when a pod was told.
local tag = string.sub(KEYS[1], 4)
local failed = tonumber(ARGV[1])
if failed > 0 and redis.call('EXISTS', 'm1:' .. tag) == 1 then
  if redis.call('DECRBY', 'm1:' .. tag, failed) <= 0 then redis.call('DEL', 'm1:' .. tag) end
end
local entries = redis.call('HGETALL', KEYS[1])
local best, best_sid = -1, nil
for at = 2, #entries, 2 do
  local value = entries[at]
  if string.byte(value, -1) ~= 101 then
    local sid, priority = string.match(value, '^([^\t]+)\t[^\t]+\t[^\t]+\t([^\t]+)')
    local number = tonumber(priority)
    if number and number > best then best, best_sid = number, sid end
  end
end
if best_sid then
  redis.call('SPUBLISH', 'j1:' .. tag, 'c\tdrain\t' .. best_sid .. '\t\n\n')
  return 1
end
return 0
