-- Charges a request to limits, all of them or none: decide, as gcra.go has it. Charges a
-- lease along with it, if one is asked for and there is room (lease.go).
--
-- KEYS: the subjects. Under each is the MessagePack of tat, level and mark of every
-- tier, in microseconds since 1970 by this server's clock.
-- ARGV: the time, or '' for this server's; 1 if a refusal counts as a violation;
-- first, longest, block, quiet, delays (the penalties); the number of tiers; how long
-- the lease lasts that is asked for, 0 if there is none; and for each charge: subject,
-- tier, cost, whole, strict, the time from now until all has grown back as far as the
-- caller knows, who may know more than is kept here, and what the lease costs.
-- Answers 0 if it is refused, 1 if it is allowed, 2 if the lease is, too; and for each
-- charge the time from now to tat, level, and the time from now to mark.
local now = tonumber(ARGV[1])
local ours = not now
if ours then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local counts = ARGV[2] == '1'
local first, longest, block = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local quiet, delays, tiers = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local lasts = tonumber(ARGV[9])

local kept = redis.call('MGET', unpack(KEYS))
local subjects = {}
for k = 1, #KEYS do
  subjects[k] = kept[k] and { cmsgpack.unpack(kept[k]) } or {}
  for f = 1, 3 * tiers do
    subjects[k][f] = subjects[k][f] or 0
  end
end

-- Of each charge: the subject's fields, and where its tier's begin.
local charges = {}
local blocked, over, charged, lends = false, false, false, lasts > 0
for a = 10, #ARGV, 7 do
  local s, f = subjects[tonumber(ARGV[a])], 3 * tonumber(ARGV[a + 1])
  local cost, whole = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  s[f + 1] = math.max(s[f + 1], now + tonumber(ARGV[a + 5]))
  local exceeds = s[f + 1] + cost > now + whole
  -- What a lease holds must not have grown back before it ends, or it would be allowed
  -- twice. Near the limit there are none.
  local lent = math.max(s[f + 1], now + lasts) + cost + tonumber(ARGV[a + 6])
  lends = lends and lent <= now + whole / 4
  charges[#charges + 1] = { s = s, f = f, cost = cost, lent = lent, strict = ARGV[a + 4] == '1', exceeds = exceeds }
  blocked = blocked or (s[f + 2] > delays and now < s[f + 3])
  over = over or exceeds
  charged = charged or cost > 0
end

local allowed = not blocked and not over
for _, c in ipairs(charges) do
  local s, f = c.s, c.f
  if allowed then
    s[f + 1] = lends and c.lent or s[f + 1] + c.cost
  elseif not blocked and counts and c.strict and c.exceeds and now >= s[f + 3] then
    if now >= s[f + 3] + quiet then
      s[f + 2] = 0
    end
    s[f + 2] = math.min(s[f + 2] + 1, delays + 1)
    if s[f + 2] > delays then
      s[f + 3] = now + block
    else
      s[f + 3] = now + math.min(first * 2 ^ (s[f + 2] - 1), longest)
    end
  end
end

-- What says nothing any more ends by itself. By another clock than this server's that
-- cannot be told; then it is kept for a day.
if charged then
  for k, s in ipairs(subjects) do
    local ends = 0
    for f = 0, 3 * (tiers - 1), 3 do
      ends = math.max(ends, s[f + 1])
      if s[f + 2] > 0 then
        ends = math.max(ends, s[f + 3] + quiet)
      end
    end
    if ends > now then
      local left = ours and math.ceil((ends - now) / 1000) or 86400000
      redis.call('SET', KEYS[k], cmsgpack.pack(unpack(s)), 'PX', left)
    end
  end
end

local answer = { allowed and (lends and 2 or 1) or 0 }
for _, c in ipairs(charges) do
  answer[#answer + 1] = c.s[c.f + 1] - now
  answer[#answer + 1] = c.s[c.f + 2]
  answer[#answer + 1] = c.s[c.f + 3] - now
end
return answer
