-- Append a message from the offline store to the queues of an account's most available sessions, once.
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  the message's id in the store
-- ARGV[2]  the payload
--
-- Returns how many sessions took it, 0 when nobody could, -1 when it was handed on before.
local registry = KEYS[1]
local tag = string.sub(registry, 4)
local handed = 'h1:' .. tag
if redis.call('SISMEMBER', handed, ARGV[1]) == 1 then return -1 end
local entries = redis.call('HGETALL', registry)
local best, sids = -1, {}
for at = 2, #entries, 2 do
  local value = entries[at]
  if string.byte(value, -1) ~= 101 then
    local sid, priority = string.match(value, '^([^\t]+)\t[^\t]+\t[^\t]+\t([^\t]+)')
    local number = tonumber(priority)
    if number and number >= 0 and number >= best then
      if number > best then best, sids = number, {} end
      sids[#sids + 1] = sid
    end
  end
end
if #sids == 0 then return 0 end
redis.call('SADD', handed, ARGV[1])
redis.call('EXPIRE', handed, 86400)
local places = {}
for at = 1, #sids do
  local id = redis.call('XADD', 'q1:' .. tag .. ':' .. sids[at], '1-*', 'd', ARGV[2])
  places[at] = sids[at] .. ':' .. string.sub(id, 3)
end
redis.call('SPUBLISH', 'j1:' .. tag, table.concat(places, ',') .. '\n' .. ARGV[2])
return #sids
