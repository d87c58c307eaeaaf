#!lua flags=allow-oom
-- Settles a batch of entries of one stream: whoever acknowledges an entry decides its outcome.
--
-- KEYS[1] stream   [2] retry ZSET   [3] dead stream   [4] crashes hash   [5] set of flows with parked entries
-- KEYS[6 .. 5+streams]      streams that entries are emitted to
-- then for each flow        its hash, its tally, its list of parked entries
-- ARGV[1] group   [2] number of emitted streams   [3] number of flows   [4 .. 3+flows] flow ids
-- then for each entry       id, op, flow (0: none), and by op:
--   E stream type data round trace        emit
--   D counter                             done
--   X                                     drop
--   R due_ms member                       retry at a time
--   W delay_ms member                     retry after a delay
--   L fields reason counted(0|1)          dead letter
--   P fields                              park
-- Returns the ids that were no longer ours: nothing was written for them.
local stream, retry, dead, crashes, parked_flows = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local group, streams, flows = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function expect(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    error({err = 'WRONGTYPE ' .. key .. ' is a ' .. found .. ', expected a ' .. kind})
  end
end
expect(stream, 'stream') expect(retry, 'zset') expect(dead, 'stream') expect(crashes, 'hash') expect(parked_flows, 'set')
for i = 1, streams do expect(KEYS[5 + i], 'stream') end
for i = 1, flows do
  local at = 5 + streams + (i - 1) * 3
  expect(KEYS[at + 1], 'hash') expect(KEYS[at + 2], 'hash') expect(KEYS[at + 3], 'list')
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local args = {E = 5, D = 1, X = 0, R = 2, W = 2, L = 3, P = 1}

-- The second pass writes; the first only proves that every argument is there.
local at, last = 4 + flows, #ARGV
while at <= last do
  local count = args[ARGV[at + 1]]
  if not count then error({err = 'ERR settle: unknown op ' .. tostring(ARGV[at + 1])}) end
  if at + 2 + count > last then error({err = 'ERR settle: arguments of ' .. ARGV[at] .. ' are missing'}) end
  at = at + 3 + count
end

local moved = {}
local function count(flow, counter, n)
  if flow == 0 then return end
  local of = moved[flow]
  if not of then of = {} moved[flow] = of end
  of[counter] = (of[counter] or 0) + n
end

-- A copy that was read before the entry was reclaimed knows nothing of its crashes.
local crashed = redis.call('EXISTS', crashes) == 1
local late = {}
at = 4 + flows
while at <= last do
  local id, op, flow = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  if redis.call('XACK', stream, group, id) == 1 then
    if crashed then redis.call('HDEL', crashes, id) end
    local p = at + 3
    if op == 'E' then
      local to, kind, data, round, trace = KEYS[5 + tonumber(ARGV[p])], ARGV[p + 1], ARGV[p + 2], ARGV[p + 3], ARGV[p + 4]
      local name = flow == 0 and '' or ARGV[3 + flow]
      if round == '1' and trace == '' then
        redis.call('XADD', to, '*', 'type', kind, 'flow', name, 'data', data)
      elseif trace == '' then
        redis.call('XADD', to, '*', 'type', kind, 'flow', name, 'data', data, 'round', round)
      elseif round == '1' then
        redis.call('XADD', to, '*', 'type', kind, 'flow', name, 'data', data, 'trace', trace)
      else
        redis.call('XADD', to, '*', 'type', kind, 'flow', name, 'data', data, 'round', round, 'trace', trace)
      end
    elseif op == 'D' then
      count(flow, 'in_flight', -1)
      count(flow, ARGV[p], 1)
    elseif op == 'R' then
      redis.call('ZADD', retry, ARGV[p], ARGV[p + 1])
      count(flow, 'in_flight', -1)
      count(flow, 'retrying', 1)
    elseif op == 'W' then
      redis.call('ZADD', retry, now + tonumber(ARGV[p]), ARGV[p + 1])
      count(flow, 'in_flight', -1)
      count(flow, 'retrying', 1)
    elseif op == 'L' then
      local letter = cjson.decode(ARGV[p])
      redis.call('XADD', dead, '*', 'id', id, 'reason', ARGV[p + 1], 'at_ms', string.format('%.0f', now),
        'counted', ARGV[p + 2], unpack(letter))
      if ARGV[p + 2] == '1' then
        count(flow, 'in_flight', -1)
        count(flow, 'failed', 1)
      end
    elseif op == 'P' then
      local hash = 5 + streams + (flow - 1) * 3 + 1
      if flow ~= 0 and redis.call('HGET', KEYS[hash], 'status') == 'paused' then
        redis.call('RPUSH', KEYS[hash + 2], ARGV[p])
        redis.call('SADD', parked_flows, ARGV[3 + flow])
        count(flow, 'in_flight', -1)
        count(flow, 'parked', 1)
      else
        redis.call('XADD', stream, '*', unpack(cjson.decode(ARGV[p])))
      end
    end
  else
    late[#late + 1] = id
  end
  at = at + 3 + args[op]
end

for flow, of in pairs(moved) do
  local tally = KEYS[5 + streams + (flow - 1) * 3 + 2]
  for counter, n in pairs(of) do
    if n ~= 0 then redis.call('HINCRBY', tally, counter, n) end
  end
end
return late
