-- Moves the job ARGV[2] from the list KEYS[1] into the set KEYS[2], as ARGV[3] at ARGV[4]. It goes there even if the list
-- is empty, as after a restart of Redis without its data: the process still knows the job. But not if others took the
-- process for dead (KEYS[3] says so), and the job from it: then they have put it somewhere. Nor if this was said before, and
-- the answer was lost: by now the job may have come due and be elsewhere. A note beside KEYS[4] says so for ARGV[5] seconds.
-- ARGV[1] is what is in no list. The set is trimmed, if there are ARGV[6], the oldest that stays, and ARGV[7], the last rank
-- that goes.
--
-- Gives 1, 0 if it was not there, or what refuses it and why.
local list, set = KEYS[1], KEYS[2]
prove_list(list, ARGV[1])
local note = KEYS[4] .. ':' .. redis.sha1hex(ARGV[3])
if not redis.call('LPOS', list, ARGV[2]) and (redis.call('EXISTS', KEYS[3]) == 1 or try('EXISTS', note) == 1) then
    return 0
end
local refused = to_set(set, ARGV[4], ARGV[3], list, out_of_list(list, ARGV[2]))
-- The job is where it goes, whatever may not be written or trimmed.
if not refused then redis.pcall('SET', note, 1, 'EX', ARGV[5]) end
if not refused and ARGV[6] then
    redis.pcall('ZREMRANGEBYSCORE', set, '-inf', ARGV[6])
    redis.pcall('ZREMRANGEBYRANK', set, 0, ARGV[7])
end
return refused or 1
