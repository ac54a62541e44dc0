-- Moves jobs from the set KEYS[1] to the ends of their queues, each by itself: triples, from ARGV[2] on, of what stands in
-- the set, what goes to the queue, and the queue's name. ARGV[1] is what is in no set.
--
-- Gives for each 1, 0 if it was not there, or what refuses it and why: a queue of another app, say, keeps only its own.
local set = KEYS[1]
prove_set(set, ARGV[1])
local answers, refusals = {}, {}
for i = 2, #ARGV, 3 do
    local old, new, queue = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    -- What the set itself has refused it would refuse again.
    local answer = refusals[set] or refusals['queue:' .. queue]
    if not answer then
        local score, reason = try('ZSCORE', set, old)
        if reason then
            answer = { set, reason }
        elseif not score then
            answer = 0
        else
            answer = to_queue('LPUSH', queue, new, set, out_of_set(set, old)) or 1
        end
        if type(answer) == 'table' then refusals[answer[1]] = answer end
    end
    answers[#answers + 1] = answer
end
return answers
