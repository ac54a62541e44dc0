-- Takes what was performed, ARGV[4…], out of the list KEYS[3] of the process KEYS[1], and up to ARGV[2] jobs of ARGV[3]
-- bytes in all, or one larger one, from the queues KEYS[4…], in their order, into it: if the process is alive for others
-- (KEYS[2] is the set of them), so that they know when it is not. ARGV[1] is what is in no list.
--
-- Gives false for a process that is not alive, or the jobs, and pairs of a queue that refuses and why.
local list, most = KEYS[3], tonumber(ARGV[3])
prove_list(list, ARGV[1])
for i = 4, #ARGV do redis.call('LREM', list, 1, ARGV[i]) end
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('SISMEMBER', KEYS[2], KEYS[1]) == 0 then return false end
local jobs, refused, bytes = {}, {}, 0
for i = 4, #KEYS do
    while #jobs < tonumber(ARGV[2]) do
        local job, reason = try('LMOVE', KEYS[i], list, 'RIGHT', 'LEFT')
        if reason then
            refused[#refused + 1] = KEYS[i]
            refused[#refused + 1] = reason
        end
        if not job then break end
        bytes = bytes + #job
        -- Too much for this answer: back to where it stood, as nobody could look meanwhile. If it may not, it is here.
        if #jobs > 0 and bytes > most and try('LMOVE', list, KEYS[i], 'LEFT', 'RIGHT') then return { jobs, refused } end
        jobs[#jobs + 1] = job
    end
end
return { jobs, refused }
