#!lua flags=allow-oom
-- Moves entries that are due from the retry ZSET to the end of their stream.
--
-- KEYS[1] retry ZSET   [2] stream
-- then for each flow named in ARGV: its tally
-- ARGV[1] how many at most   [2] counted (0|1)   [3 ..] flow ids, in the order of the tallies
-- An entry of a flow that is not named stays and its flow is returned, so that the caller names it.
-- Returns {moved, ms until the next is due (-1: nothing waits), flows to name …}.
local retry, stream = KEYS[1], KEYS[2]
local most, counted = tonumber(ARGV[1]), ARGV[2] == '1'
for i, kind in ipairs({'zset', 'stream'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end

local tallies = {}
for i = 3, #ARGV do tallies[ARGV[i]] = KEYS[i] end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', retry, '-inf', now, 'LIMIT', 0, most)

local moved, taken, per_flow, unnamed, named = 0, {}, {}, {}, {}
for _, member in ipairs(due) do
  local bar = string.find(member, '|', string.find(member, '|', 1, true) + 1, true)
  local fields = cjson.decode(string.sub(member, bar + 1))
  local flow = ''
  for i = 1, #fields, 2 do if fields[i] == 'flow' then flow = fields[i + 1] end end
  if counted and flow ~= '' and not tallies[flow] then
    if not named[flow] then named[flow] = true unnamed[#unnamed + 1] = flow end
  else
    taken[#taken + 1] = {member, fields, flow}
  end
end
for _, entry in ipairs(taken) do
  if redis.call('ZREM', retry, entry[1]) == 1 then
    redis.call('XADD', stream, '*', unpack(entry[2]))
    moved = moved + 1
    if counted and entry[3] ~= '' then per_flow[entry[3]] = (per_flow[entry[3]] or 0) + 1 end
  end
end
for flow, n in pairs(per_flow) do
  redis.call('HINCRBY', tallies[flow], 'retrying', -n)
  redis.call('HINCRBY', tallies[flow], 'in_flight', n)
end

local wait = -1
local next = redis.call('ZRANGE', retry, 0, 0, 'WITHSCORES')
if #next > 0 then wait = math.max(0, math.ceil(tonumber(next[2]) - now)) end
local reply = {moved, wait}
for _, flow in ipairs(unnamed) do reply[#reply + 1] = flow end
return reply
