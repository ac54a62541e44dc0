-- One beat of the process KEYS[1]; gives what Sidekiq's page asks for at KEYS[3], if it does. KEYS[4…5] are what it has at
-- work, ARGV[12…]. The first write is one that a full Redis does not refuse: a process that could not say that it lives
-- would be taken for dead amid its work.
--
-- What says that it lives comes first, and nothing after it is worth an error by which that is said again and again: a
-- counter or a request that is no such thing is let be.
redis.call('DEL', KEYS[4], KEYS[5])
redis.call('HSET', KEYS[1], 'info', ARGV[1], 'busy', ARGV[2], 'beat', ARGV[3], 'quiet', ARGV[4],
    'rss', ARGV[5], 'rtt_us', ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[7])
redis.call('SADD', KEYS[2], KEYS[1])
redis.call('SADD', 'processes', KEYS[1])
for i = 12, #ARGV do
    redis.call('HSET', KEYS[4], i - 11, ARGV[i])
    redis.call('HSET', KEYS[5], i - 11, ARGV[i])
end
redis.call('EXPIRE', KEYS[4], ARGV[7])
redis.call('EXPIRE', KEYS[5], ARGV[7])
for name, count in pairs({ processed = ARGV[8], failed = ARGV[9] }) do
    local total, of_day = 'stat:' .. name, 'stat:' .. name .. ':' .. ARGV[10]
    try('INCRBY', total, count)
    try('INCRBY', of_day, count)
    try('EXPIRE', of_day, ARGV[11])
end
return try('RPOP', KEYS[3]) or false
