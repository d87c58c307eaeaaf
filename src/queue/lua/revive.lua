#!lua
-- Appends a dead letter to its stream again and removes it, both or neither. Removing it decides who does so.
--
-- KEYS[1] dead letters   [2] stream   [3] flow hash   [4] tally
-- ARGV[1] id among the dead letters   [2] flow id (empty: nothing is counted)   [3 ..] fields of the entry
-- Returns revived, gone (it is no dead letter any more), or why the flow can't take one more: its status, or
-- missing.
for i, kind in ipairs({'stream', 'stream', 'hash', 'hash'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
if #ARGV < 4 or #ARGV % 2 ~= 0 then error({err = 'ERR revive: a field without value'}) end
local counted = ARGV[2] ~= ''
if counted then
  local status = redis.call('HGET', KEYS[3], 'status')
  if not status then return 'missing' end
  if status ~= 'running' and status ~= 'paused' then return status end
end
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 'gone' end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
if counted then
  redis.call('HINCRBY', KEYS[4], 'queued', 1)
  redis.call('HINCRBY', KEYS[4], 'in_flight', 1)
end
return 'revived'
