#!lua
-- Tells a flow of recipients that were decided on again: moves each from one counter to another, and emits those
-- that go again. Harmless when repeated: what was told is remembered by the recipient's round.
--
-- KEYS[1] stream   [2] flow hash   [3] tally   [4] hash recipient → round that was told
-- ARGV[1] flow id (empty: none, nothing is counted)   [2] epoch   [3] type of the entries
--      [4] smallest window   [5] largest number retrying and parked   [6] s to keep the last hash without a flow
-- then for each recipient: id, round, counter before, counter after, data (emitted when the counter after is in_flight)
-- Returns {state, one letter for each that was dealt with: n told now, k known}, state:
--   done      all were dealt with
--   full      the window is full: the rest later
--   paused    the next one would be emitted, and the flow is paused
--   closed    the same, and the flow has ended here
--   stale     the flow has another epoch
--   missing   no such flow
for i, kind in ipairs({'stream', 'hash', 'hash', 'hash'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
local stream, flow, tally, told = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local name = ARGV[1]
if (#ARGV - 6) % 5 ~= 0 then error({err = 'ERR tell: arguments are missing'}) end

local status, room = 'running', math.huge
if name ~= '' then
  local now = redis.call('HMGET', flow, 'status', 'epoch', 'window')
  if not now[1] then return {'missing', ''} end
  if tonumber(now[2]) ~= tonumber(ARGV[2]) then return {'stale', ''} end
  status = now[1]
  local counts = redis.call('HMGET', tally, 'in_flight', 'retrying', 'parked')
  room = math.max(tonumber(now[3] or '0'), tonumber(ARGV[4])) - tonumber(counts[1] or '0')
  if tonumber(counts[2] or '0') + tonumber(counts[3] or '0') >= tonumber(ARGV[5]) then room = 0 end
end

local state, letters, moved = 'done', {}, {}
for i = 7, #ARGV, 5 do
  local id, round, from, to = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if tonumber(redis.call('HGET', told, id) or '0') >= tonumber(round) then
    letters[#letters + 1] = 'k'
  else
    if to == 'in_flight' then
      if status == 'paused' then state = 'paused' break end
      if status ~= 'running' then state = 'closed' break end
      if room < 1 then state = 'full' break end
      redis.call('XADD', stream, '*', 'type', ARGV[3], 'flow', name, 'data', ARGV[i + 4], 'round', round)
      room = room - 1
    end
    redis.call('HSET', told, id, round)
    moved[from] = (moved[from] or 0) - 1
    moved[to] = (moved[to] or 0) + 1
    letters[#letters + 1] = 'n'
  end
end
if name == '' then
  if #letters > 0 then redis.call('EXPIRE', told, ARGV[6]) end
else
  for counter, n in pairs(moved) do
    if n ~= 0 then redis.call('HINCRBY', tally, counter, n) end
  end
  -- They were to expire when the flow had ended.
  for i = 2, 4 do redis.call('PERSIST', KEYS[i]) end
end
return {state, table.concat(letters)}
