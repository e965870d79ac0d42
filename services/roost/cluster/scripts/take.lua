-- Count an event against a limit.
--
-- KEYS[1]  n1:{name}
-- ARGV[1]  the window's length, seconds
--
-- Returns how many there were in the window, this one included. The window begins with its first event.
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
