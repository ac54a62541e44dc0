-- Notes at KEYS[1] for ARGV[2] seconds that the process ARGV[1] is taken for dead. What is deleted first is nothing: after
-- such a write a full Redis refuses no other one. An older note stays if the new one is refused.
redis.call('DEL', KEYS[1] .. ':none')
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
