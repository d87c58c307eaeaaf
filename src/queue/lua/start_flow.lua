#!lua
-- Starts the fan-out of a flow in one partition, or says how far it is. Harmless when repeated. A newer epoch
-- doesn't start it again: another partition was lost, and what is here has been counted.
--
-- KEYS[1] flow hash   [2] tally   [3] stream of turns   [4] rounds that were told
-- ARGV[1] flow id   [2] status   [3] revision   [4] epoch   [5] last id of the audience
--      [6] type of a turn   [7] [8] what stands before and after the turn's number in its data
--      [9] append the current turn again (0|1)
-- Returns {state, turn, cursor}, state: started, open, halted, complete.
for i, kind in ipairs({'hash', 'hash', 'stream', 'hash'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
local flow = KEYS[1]
local function append(turn)
  redis.call('XADD', KEYS[3], '*', 'type', ARGV[6], 'flow', ARGV[1], 'data', ARGV[7] .. turn .. ARGV[8])
end
local epoch = redis.call('HGET', flow, 'epoch')
if not epoch then
  local halted = ARGV[2] == 'running' and '0' or '1'
  redis.call('DEL', KEYS[2], KEYS[4])
  redis.call('HSET', KEYS[2], 'queued', 0, 'in_flight', 0)
  redis.call('HSET', flow, 'status', ARGV[2], 'revision', ARGV[3], 'epoch', ARGV[4], 'audience', ARGV[5],
    'cursor', 0, 'turn', 1, 'complete', 0, 'halted', halted)
  if halted == '0' then append(1) end
  return {'started', 1, 0}
end
if tonumber(epoch) < tonumber(ARGV[4]) then redis.call('HSET', flow, 'epoch', ARGV[4]) end
local now = redis.call('HMGET', flow, 'turn', 'cursor', 'complete', 'halted', 'status')
if now[3] == '1' then return {'complete', tonumber(now[1]), tonumber(now[2])} end
if now[4] == '1' then return {'halted', tonumber(now[1]), tonumber(now[2])} end
if ARGV[9] == '1' and now[5] == 'running' then append(now[1]) end
return {'open', tonumber(now[1]), tonumber(now[2])}
