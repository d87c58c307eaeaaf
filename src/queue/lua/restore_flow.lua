#!lua
-- Makes the state of a flow again whose fan-out is complete, unless it is there.
--
-- KEYS[1] flow hash   [2] tally
-- ARGV[1] status   [2] revision   [3] epoch   [4] last id of the audience   then for each counter: name, value
-- Returns 1 when it was made.
for i = 1, 2 do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= 'hash' then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'in_flight', 0, unpack(ARGV, 5))
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'revision', ARGV[2], 'epoch', ARGV[3], 'audience', ARGV[4],
  'cursor', ARGV[4], 'turn', 1, 'complete', 1, 'halted', 0)
return 1
