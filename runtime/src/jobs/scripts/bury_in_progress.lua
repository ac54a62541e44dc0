-- Moves the job ARGV[2] from the list KEYS[1] to the dead KEYS[2], as ARGV[3] at ARGV[4], if it is still there. ARGV[1] is
-- what is in no list.
--
-- Gives 1, 0 if it was not there, or what refuses it and why.
prove_list(KEYS[1], ARGV[1])
if not redis.call('LPOS', KEYS[1], ARGV[2]) then return 0 end
return to_set(KEYS[2], ARGV[4], ARGV[3], KEYS[1], out_of_list(KEYS[1], ARGV[2])) or 1
