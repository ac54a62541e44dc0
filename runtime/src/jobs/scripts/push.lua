-- Pushes the jobs ARGV[2…] to the end of the queue ARGV[1], all or none: what may be refused first harms nobody.
redis.call('SADD', 'queues', ARGV[1])
return redis.call('LPUSH', 'queue:' .. ARGV[1], unpack(ARGV, 2))
