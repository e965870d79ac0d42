-- Read some of a log: so many entries, and no more bytes than a subscriber may have outstanding.
--
-- KEYS[1]  the log, a stream
-- ARGV[1]  the position of the first entry wanted
-- ARGV[2]  how many entries at the most
-- ARGV[3]  how many bytes at the most; one entry is given however large it is
--
-- Returns {1 when nothing comes behind them, else 0, position, entry, position, entry, ...}.
local most, bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local found, from = { 1 }, '1-' .. ARGV[1]
while true do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 16)
  for _, entry in ipairs(entries) do
    bytes = bytes - #entry[2][2]
    if #found > 1 and (bytes < 0 or #found > 2 * most) then
      found[1] = 0
      return found
    end
    found[#found + 1] = tonumber(string.sub(entry[1], 3))
    found[#found + 1] = entry[2][2]
    from = '(' .. entry[1]
  end
  if #entries < 16 then return found end
end
