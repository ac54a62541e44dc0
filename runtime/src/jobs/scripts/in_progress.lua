-- Returns the jobs of the list KEYS[1] but for the first ARGV[1]: up to ARGV[2] of ARGV[3] bytes in all, or one larger one.
local jobs, bytes = {}, 0
while #jobs < tonumber(ARGV[2]) do
    local job = redis.call('LINDEX', KEYS[1], ARGV[1] + #jobs)
    if not job then break end
    bytes = bytes + #job
    if #jobs > 0 and bytes > tonumber(ARGV[3]) then break end
    jobs[#jobs + 1] = job
end
return jobs
