#!lua
-- One page of a flow's fan-out: compares turn and cursor, adds the page and counts it, and ends the turn.
--
-- KEYS[1] stream of turns   [2] stream of the page   [3] flow hash   [4] tally   [5] retry ZSET of the turns
-- ARGV[1] group   [2] entry id of the turn   [3] flow id   [4] turn   [5] cursor before the page
--      [6] last page of the audience (0|1)   [7] last page of the turn (0|1)   [8] cursor after the last page
--      [9] largest window   [10] largest number retrying and parked   [11] smallest window
--      [12] ms until the next turn when the window is full
--      [13] type of a turn   [14] [15] around the turn's number in its data   [16] type of the page's entries
-- then for each recipient: id, data
-- Returns {state, cursor, added}, state:
--   open      the page was added, go on with the next
--   moved     another cursor than expected: go on from there
--   next      the turn is over, the next one was appended
--   full      the turn is over, the window is full: the next turn is due later
--   complete  the audience is exhausted
--   stale     that turn has been taken already; acknowledged
--   halted    the flow is paused; acknowledged, resuming appends the turn
--   closed    the flow is cancelled or finished; acknowledged
--   missing   no such flow
for i, kind in ipairs({'stream', 'stream', 'hash', 'hash', 'zset'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
local turns, out, flow, tally, retry = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local group, entry, name, turn = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local users = (#ARGV - 16) / 2
if users ~= math.floor(users) then error({err = 'ERR fanout: a recipient without data'}) end

local state = redis.call('HMGET', flow, 'status', 'turn', 'cursor', 'complete', 'window', 'seen_ms', 'seen_closed')
if not state[1] then return {'missing', 0, 0} end
local cursor = tonumber(state[3])
if turn < tonumber(state[2]) or state[4] == '1' then
  redis.call('XACK', turns, group, entry)
  return {'stale', cursor, 0}
end
if state[1] == 'paused' then
  redis.call('HSET', flow, 'halted', 1)
  redis.call('XACK', turns, group, entry)
  return {'halted', cursor, 0}
end
if state[1] ~= 'running' then
  redis.call('XACK', turns, group, entry)
  return {'closed', cursor, 0}
end
if cursor ~= tonumber(ARGV[5]) then return {'moved', cursor, 0} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts = redis.call('HMGET', tally, 'queued', 'in_flight', 'retrying', 'parked')
local queued, in_flight = tonumber(counts[1] or '0'), tonumber(counts[2] or '0')
local later = tonumber(counts[3] or '0') + tonumber(counts[4] or '0')
local closed = queued - in_flight - later

-- The window follows the outflow: five seconds of it, measured every 250 ms. When nothing is left in flight the
-- outflow was bounded by the window itself, so then it only grows.
local window, seen = tonumber(state[5] or ARGV[11]), tonumber(state[6] or '0')
if now - seen >= 250 then
  local set = {'seen_ms', string.format('%.0f', now), 'seen_closed', closed}
  if seen > 0 then
    local rate = (closed - tonumber(state[7])) * 1000 / (now - seen)
    local least = in_flight > 0 and window / 2 or window
    local wanted = math.floor(math.max(5 * rate, least))
    window = math.min(tonumber(ARGV[9]), math.max(tonumber(ARGV[11]), wanted))
  end
  set[#set + 1] = 'window'
  set[#set + 1] = window
  redis.call('HSET', flow, unpack(set))
end

local room = window - in_flight
if later >= tonumber(ARGV[10]) then room = 0 end
local added = math.max(0, math.min(users, room))

for i = 1, added do
  redis.call('XADD', out, '*', 'type', ARGV[16], 'flow', name, 'data', ARGV[16 + i * 2])
end
local full = added < users
if full then
  if added > 0 then cursor = tonumber(ARGV[15 + added * 2]) end
else
  cursor = tonumber(ARGV[8])
end
if added > 0 then
  redis.call('HINCRBY', tally, 'queued', added)
  redis.call('HINCRBY', tally, 'in_flight', added)
end

if not full and ARGV[6] == '1' then
  redis.call('HSET', flow, 'cursor', cursor, 'complete', 1)
  redis.call('XACK', turns, group, entry)
  return {'complete', cursor, added}
end
if not full and ARGV[7] == '0' then
  redis.call('HSET', flow, 'cursor', cursor)
  return {'open', cursor, added}
end

-- The turn's number decides who ends it, so that the next one is appended once.
redis.call('HSET', flow, 'cursor', cursor, 'turn', turn + 1)
redis.call('XACK', turns, group, entry)
local data = ARGV[14] .. (turn + 1) .. ARGV[15]
if full then
  local fields = cjson.encode({'type', ARGV[13], 'flow', name, 'data', data})
  redis.call('ZADD', retry, now + tonumber(ARGV[12]), entry .. '|' .. (turn + 1) .. '|' .. fields)
  return {'full', cursor, added}
end
redis.call('XADD', turns, '*', 'type', ARGV[13], 'flow', name, 'data', data)
return {'next', cursor, added}
