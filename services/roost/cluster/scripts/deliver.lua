-- Append a stanza to the queue of each chosen session of an account, and publish it.
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  the choices to try in turn, a letter each (core.ports.Choice): r resource, which can only be the
--          first, m most available, a all available with a priority that is not negative, n any available,
--          i interested in the roster
-- ARGV[2]  the resource, for r
-- ARGV[3]  the payload: an envelope's head, a newline, the stanza
-- ARGV[4]  1 when a message that nobody takes goes to the offline store, 2 when it does and was left over
--          by a session that ended, else 0
-- ARGV[5]  the bound of a session's queue, in stanzas
-- ARGV[6]  the id of the session that left it over, if one did
-- ARGV[7]  its position in that session's queue, off which it is taken when somebody gets it
--
-- Returns how many sessions took it, or -1 when it is not in the queue of ARGV[6] any more. On 0 with ARGV[4]
-- not 0 the account's counter of messages on their way to the store has been raised: while it is there,
-- later ones follow the same way, so that none overtakes (RFC 6120 section 10.1). For the same reason a
-- message follows those that an ended session has left over until they have been handed on.
local registry, choices, payload = KEYS[1], ARGV[1], ARGV[3]
local tag = string.sub(registry, 4)
local sid -- the one session that takes it
local sids -- or several

local source, entry = ARGV[6] and 'q1:' .. tag .. ':' .. ARGV[6], ARGV[7] and '1-' .. ARGV[7]
if source and #redis.call('XRANGE', source, entry, entry) == 0 then return -1 end

local function live(value)
  return value and string.byte(value, -1) ~= 101 -- flags end in e: ended
end

-- Most stanzas are for one resource, and it is there: nothing more is made for them than they need.
if string.byte(choices) == 114 then -- r
  local value = redis.call('HGET', registry, ARGV[2])
  if live(value) then sid = string.match(value, '^[^\t]+') end
end

if not sid then
  local entries = redis.call('HGETALL', registry)

  local function leaving()
    for at = 2, #entries, 2 do
      if not live(entries[at]) then
        local ended = string.match(entries[at], '^[^\t]+')
        local waiting = redis.call('XLEN', 'q1:' .. tag .. ':' .. ended)
        if waiting > 0 and waiting < tonumber(ARGV[5]) then return ended end
      end
    end
  end

  local function chosen(choice)
    local found, best = {}, -1
    for at = 2, #entries, 2 do
      local value = entries[at]
      if live(value) then
        local its_sid, priority = string.match(value, '^([^\t]+)\t[^\t]+\t[^\t]+\t([^\t]+)')
        local number = tonumber(priority)
        if choice == 'i' then
          if string.find(string.match(value, '[^\t]*$'), 'i', 1, true) then found[#found + 1] = its_sid end
        elseif number and (choice == 'n' or number >= 0) then
          if choice == 'm' and number > best then
            best = number
            found = { its_sid }
          elseif choice ~= 'm' or number == best then
            found[#found + 1] = its_sid
          end
        end
      end
    end
    return found
  end

  for choice in string.gmatch(choices, '[^r]') do
    sid = ARGV[4] == '1' and leaving() or nil
    if sid then break end
    if ARGV[4] ~= '0' and redis.call('EXISTS', 'm1:' .. tag) == 1 then break end
    local found = chosen(choice)
    if #found > 1 then sids = found else sid = found[1] end
    if #found > 0 then break end
  end
end

if not sid and not sids then
  if ARGV[4] ~= '0' then
    redis.call('INCR', 'm1:' .. tag)
    redis.call('PEXPIRE', 'm1:' .. tag, 30000)
  end
  return 0
end

local channel = 'j1:' .. tag
local others = sids and table.concat(sids, ',') -- see leftover.lua
local places
for at = 1, sids and #sids or 1 do
  sid = sids and sids[at] or sid
  local queue = 'q1:' .. tag .. ':' .. sid
  local id
  if sids then
    id = redis.call('XADD', queue, '1-*', 'd', payload, 'o', others)
  else
    id = redis.call('XADD', queue, '1-*', 'd', payload)
  end
  local position = string.sub(id, 3)
  local place = sid .. ':' .. position
  places = places and places .. ',' .. place or place
  if tonumber(position) % 32 == 0 and redis.call('XLEN', queue) > tonumber(ARGV[5]) then
    redis.call('SPUBLISH', channel, 'c\tclose\t' .. sid .. '\tpolicy-violation\n\n')
  end
end
redis.call('SPUBLISH', channel, places .. '\n' .. payload)
if source then redis.call('XDEL', source, entry) end
return sids and #sids or 1
