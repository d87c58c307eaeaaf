#!lua flags=allow-oom
-- Renews a consumer's claim on entries that it still works on, and touches nobody else's.
--
-- KEYS[1] stream
-- ARGV[1] group   [2] consumer   [3 ..] ids
-- Returns how many were renewed.
local renewed = 0
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    renewed = renewed + #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  end
end
return renewed
