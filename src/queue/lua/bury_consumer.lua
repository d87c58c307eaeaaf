#!lua flags=allow-oom
-- Removes a consumer that holds nothing. XGROUP DELCONSUMER would throw its pending entries away, so the
-- look and the removal are one step.
--
-- KEYS[1] stream
-- ARGV[1] group   [2] consumer
-- Returns 1 when it was removed.
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
