-- What every script begins with.
--
-- Redis rolls nothing back: a script that fails amid its work has done the half of it. So a job is put where it goes
-- before it is taken from where it stands; each command is asked whether it was refused; and what was put is taken back
-- when the job could not be taken. Jobs are moved as the text that they are, and never read here.

-- Runs a command. Gives its answer; or nothing, and why it was refused.
local function try(...)
    local answer = redis.pcall(...)
    if type(answer) == 'table' and answer.err then return nil, answer.err end
    return answer
end

-- Puts a job into a queue, with LPUSH behind the others or with RPUSH before them, and takes it from `source` with `take`.
-- Gives nothing; or the key that refuses it and why, and then all is as before.
local function to_queue(push, queue, job, source, take)
    local key = 'queue:' .. queue
    local _, reason = try(push, key, job)
    if reason then return { key, reason } end
    local refused
    _, reason = try('SADD', 'queues', queue)
    if reason then
        refused = { 'queues', reason }
    else
        _, reason = take()
        if not reason then return nil end
        refused = { source, reason }
    end
    -- There may be others with this text. The one that was pushed is the first from the end at which it was pushed.
    redis.pcall('LREM', key, push == 'LPUSH' and 1 or -1, job)
    return refused
end

-- The same with a sorted set.
local function to_set(set, score, job, source, take)
    local before, reason = try('ZSCORE', set, job)
    if reason then return { set, reason } end
    local _
    _, reason = try('ZADD', set, score, job)
    if reason then return { set, reason } end
    _, reason = take()
    if not reason then return nil end
    if before then redis.pcall('ZADD', set, before, job) else redis.pcall('ZREM', set, job) end
    return { source, reason }
end

-- Takes a job out of a list, or a set.
local function out_of_list(list, job)
    return function() return try('LREM', list, 1, job) end
end
local function out_of_set(set, job)
    return function() return try('ZREM', set, job) end
end

-- Proves that jobs can be taken out of a list, or a set, by taking out `nothing`, which is not there: an error, before
-- anything has happened, if the key is another thing or this user may not. It is also a write that a full Redis does not
-- refuse, and after one it refuses no other in the script: otherwise nobody could empty it.
local function prove_list(list, nothing) redis.call('LREM', list, 1, nothing) end
local function prove_set(set, nothing) redis.call('ZREM', set, nothing) end

