#!lua flags=allow-oom
-- Moves parked entries of a flow that is no longer paused back to the end of their stream.
--
-- KEYS[1] list of parked entries   [2] stream   [3] flow hash   [4] tally   [5] set of flows with parked entries
-- ARGV[1] how many at most   [2] flow id
-- Returns how many were moved; -1 when the flow is paused.
for i, kind in ipairs({'list', 'stream', 'hash', 'hash', 'set'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
if redis.call('HGET', KEYS[3], 'status') == 'paused' then return -1 end
local entries = redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
local decoded = {}
for i, fields in ipairs(entries) do decoded[i] = cjson.decode(fields) end
for _, fields in ipairs(decoded) do redis.call('XADD', KEYS[2], '*', unpack(fields)) end
if #entries > 0 then
  redis.call('LTRIM', KEYS[1], #entries, -1)
  redis.call('HINCRBY', KEYS[4], 'parked', -#entries)
  redis.call('HINCRBY', KEYS[4], 'in_flight', #entries)
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[5], ARGV[2]) end
return #entries
