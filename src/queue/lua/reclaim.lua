#!lua flags=allow-oom
-- Takes over entries whose owner is gone or has sat on them for too long.
--
-- KEYS[1] stream   [2] crashes hash
-- ARGV[1] group   [2] new owner   [3] least idle ms   [4] count a crash (0|1)   [5] alone (0|1)
-- then for each entry: id, the owner that was seen
-- An entry that has crashed two consumers is left out unless `alone` is set, since it must then be handled
-- with nothing else in hand but others of its kind: the more crashes, the fewer of them, at last none.
-- Returns {suspects left out, {id, crashes, fields} …}; fields are missing when the body was removed.
for i, kind in ipairs({'stream', 'hash'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= kind then error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found}) end
end
local stream, crashes = KEYS[1], KEYS[2]
local name, me, least, counts, alone = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1', ARGV[5] == '1'
local suspects, reply, room = 0, {0}, #ARGV
local function group(crashed) return crashed < 3 and 100 or crashed < 4 and 10 or 1 end
for i = 6, #ARGV, 2 do
  local id, owner = ARGV[i], ARGV[i + 1]
  local pending = redis.call('XPENDING', stream, name, id, id, 1)[1]
  if pending and pending[2] == owner and pending[3] >= least then
    local crashed = tonumber(redis.call('HGET', crashes, id) or '0')
    if counts then crashed = crashed + 1 end
    if alone then room = math.min(room, group(crashed)) end
    if crashed >= 2 and not alone then
      suspects = suspects + 1
    elseif #reply <= room then
      if counts then redis.call('HSET', crashes, id, crashed) end
      local claimed = redis.call('XCLAIM', stream, name, me, 0, id)[1]
      if claimed then
        reply[#reply + 1] = {id, crashed, claimed[2]}
      elseif counts then
        redis.call('HDEL', crashes, id)
      end
    end
  end
end
reply[1] = suspects
return reply
