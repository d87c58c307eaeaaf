#!lua flags=allow-oom
-- Gives pending entries to a consumer or acknowledges them, those that are still as a plan saw them.
--
-- KEYS[1] stream
-- ARGV[1] group   [2] consumer that gets them (empty: they are acknowledged)   [3] min idle in ms
-- ARGV[4 ..] pairs: id, the owner that was seen when it was planned
-- Returns {what, detail} for each pair: done, idle (ms so far), vanished (trimmed, which ends it too),
-- taken (by whom), acknowledged (before).
--
-- XCLAIM is without RETRYCOUNT and JUSTID, so that Redis counts one more delivery.
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then error({err = 'NOGROUP there is no stream ' .. KEYS[1]}) end
local group, to, min_idle = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not min_idle or min_idle < 1 or #ARGV % 2 == 0 then error({err = 'ERR as planned: bad arguments'}) end
-- Reads first: a wrong id or group fails here, before anything was written.
local seen = {}
for i = 4, #ARGV, 2 do
  local id, owner = ARGV[i], ARGV[i + 1]
  local row = redis.call('XPENDING', KEYS[1], group, id, id, 1)[1]
  if not row then
    seen[#seen + 1] = {'acknowledged', ''}
  elseif row[2] ~= owner then
    seen[#seen + 1] = {'taken', row[2]}
  elseif row[3] < min_idle then
    seen[#seen + 1] = {'idle', tostring(row[3])}
  else
    local there = #redis.call('XRANGE', KEYS[1], id, id) == 1
    seen[#seen + 1] = {there and 'done' or 'vanished', ''}
  end
end
for n, found in ipairs(seen) do
  local id = ARGV[2 + 2 * n]
  if found[1] == 'done' or found[1] == 'vanished' then
    if to == '' then
      redis.call('XACK', KEYS[1], group, id)
    else
      redis.call('XCLAIM', KEYS[1], group, to, min_idle, id)
    end
  end
end
return seen
