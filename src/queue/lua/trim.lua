#!lua flags=allow-oom
-- Removes from a stream what its groups need no more: all before the oldest entry that is pending or unread.
-- Groups that are not named are not waited for.
--
-- KEYS[1] stream
-- ARGV groups
-- Returns how many entries were removed.
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return 0 end
local function parts(id)
  local dash = string.find(id, '-', 1, true)
  return tonumber(string.sub(id, 1, dash - 1)), tonumber(string.sub(id, dash + 1))
end
local least_ms, least_seq
local function keep(ms, seq)
  if not least_ms or ms < least_ms or (ms == least_ms and seq < least_seq) then least_ms, least_seq = ms, seq end
end
local ours = {}
for _, group in ipairs(ARGV) do ours[group] = true end
local seen = 0
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local info = {}
  for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
  if ours[info['name']] then
    seen = seen + 1
    local ms, seq = parts(info['last-delivered-id'])
    keep(ms, seq + 1)
    if info['pending'] > 0 then
      local oldest = redis.call('XPENDING', KEYS[1], info['name'])[2]
      if oldest then keep(parts(oldest)) end
    end
  end
end
if seen < #ARGV then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('%.0f-%.0f', least_ms, least_seq))
