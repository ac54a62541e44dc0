-- Forgets the process ARGV[1], whose list is KEYS[1], in the set KEYS[2] of those that have, or had, jobs in progress: last,
-- and only if its list is empty, as it is found by that again.
redis.call('SREM', 'processes', ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
return 1
