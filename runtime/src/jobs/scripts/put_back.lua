-- Puts the job ARGV[2] back as ARGV[4], the next one of the queue ARGV[3], if it is still in the list KEYS[1]: whoever
-- took it away has put it somewhere. ARGV[1] is what is in no list.
--
-- Gives 1, 0 if it was not there, or what refuses it and why.
prove_list(KEYS[1], ARGV[1])
if not redis.call('LPOS', KEYS[1], ARGV[2]) then return 0 end
return to_queue('RPUSH', ARGV[3], ARGV[4], KEYS[1], out_of_list(KEYS[1], ARGV[2])) or 1
