-- Gives jobs of the set KEYS[1] and their scores, in turn: from the score ARGV[1] to ARGV[2], but for the first ARGV[3],
-- up to ARGV[4] of ARGV[5] bytes in all, or one larger one.
local found, bytes = {}, 0
for i = 0, tonumber(ARGV[4]) - 1 do
    local one = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES', 'LIMIT', ARGV[3] + i, 1)
    if #one == 0 then break end
    bytes = bytes + #one[1]
    if i > 0 and bytes > tonumber(ARGV[5]) then break end
    found[#found + 1] = one[1]
    found[#found + 1] = one[2]
end
return found
