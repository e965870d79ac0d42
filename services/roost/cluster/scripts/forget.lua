-- Take what is left in an ended session's queue, part by part; then remove all that it left behind.
--
-- KEYS[1]  r1:{bare}
-- ARGV[1]  resource
-- ARGV[2]  sid
-- ARGV[3]  the position behind the entries that have been handed on, 0 for none
-- ARGV[4]  how many bytes to give at the most; one entry is given however large it is
--
-- An entry that several sessions got is left out while another of them is there: it has been delivered.
--
-- Returns {} when everything is gone, or {entries to be handed on, position behind them, their positions}: then only what
-- was handed on before has been removed.
local tag = string.sub(KEYS[1], 4)
local queue = 'q1:' .. tag .. ':' .. ARGV[2]
if ARGV[3] ~= '0' then redis.call('XTRIM', queue, 'MINID', '1-' .. ARGV[3]) end

local there = {}
for _, value in ipairs(redis.call('HVALS', KEYS[1])) do
  local sid = string.match(value, '^[^\t]+')
  if sid ~= ARGV[2] and string.byte(value, -1) ~= 101 then there[sid] = true end
end
local function delivered(fields)
  for at = 1, #fields, 2 do -- a newer release may add fields
    if fields[at] == 'o' then
      for sid in string.gmatch(fields[at + 1], '[^,]+') do
        if there[sid] then return true end
      end
    end
  end
  return false
end

local left, payloads, positions, behind, from = tonumber(ARGV[4]), {}, {}, nil, '-'
local full = false
repeat
  local entries = redis.call('XRANGE', queue, from, '+', 'COUNT', 16)
  for _, entry in ipairs(entries) do
    local wanted = not delivered(entry[2])
    if wanted then left = left - #entry[2][2] end
    full = behind ~= nil and left < 0
    if full then break end
    local position = tonumber(string.sub(entry[1], 3))
    behind = position + 1
    if wanted then
      payloads[#payloads + 1] = entry[2][2]
      positions[#positions + 1] = position
    end
    from = '(' .. entry[1]
  end
until full or #entries < 16
if behind then return { payloads, behind, positions } end

redis.call('DEL', queue, 'd1:' .. tag .. ':' .. ARGV[2])
redis.call('HDEL', 'p1:' .. tag, ARGV[1] .. '\t' .. ARGV[2])
redis.call('HDEL', KEYS[1], ARGV[1] .. '\t' .. ARGV[2])
return {}
