#!lua flags=allow-oom
-- Sets a flow's status in one partition, unless a newer one is there. A flow that halted goes on with its turn.
--
-- KEYS[1] flow hash   [2] stream of turns
-- ARGV[1] flow id   [2] status   [3] revision   [4] type of a turn   [5] [6] around the turn's number in its data
--      [7] epoch
-- Returns set, old (a newer revision is there) or missing.
for i, kind in ipairs({'hash', 'stream'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
local now = redis.call('HMGET', KEYS[1], 'revision', 'halted', 'turn')
if not now[1] then return 'missing' end
if tonumber(now[1]) > tonumber(ARGV[3]) then return 'old' end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'revision', ARGV[3], 'epoch', ARGV[7])
if ARGV[2] == 'running' and now[2] == '1' then
  redis.call('HSET', KEYS[1], 'halted', 0)
  redis.call('XADD', KEYS[2], '*', 'type', ARGV[4], 'flow', ARGV[1], 'data', ARGV[5] .. now[3] .. ARGV[6])
end
return 'set'
