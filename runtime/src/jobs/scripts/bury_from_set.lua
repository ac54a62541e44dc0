-- Moves ARGV[2] from the set KEYS[1] to the dead KEYS[2], at ARGV[3], if it is still there. ARGV[1] is what is in no set.
--
-- Gives 1, 0 if it was not there, or what refuses it and why.
prove_set(KEYS[1], ARGV[1])
if not redis.call('ZSCORE', KEYS[1], ARGV[2]) then return 0 end
return to_set(KEYS[2], ARGV[3], ARGV[2], KEYS[1], out_of_set(KEYS[1], ARGV[2])) or 1
