#!lua flags=no-writes
-- Reads entries that are pending for a consumer, without counting a delivery or taking them from anybody.
--
-- KEYS[1] stream   [2] crashes hash
-- ARGV[1] group   [2] consumer   [3 ..] ids
-- Returns {id, crashes, fields} for each that is still this consumer's; fields are missing when the body was removed.
local reply = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 then
    local found = redis.call('XRANGE', KEYS[1], id, id)[1]
    local crashed = tonumber(redis.call('HGET', KEYS[2], id) or '0')
    reply[#reply + 1] = found and {id, crashed, found[2]} or {id, crashed}
  end
end
return reply
