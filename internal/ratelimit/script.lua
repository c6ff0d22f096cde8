-- Charges a request to limits, all of them or none, like decide in gcra.go. If a lease is
-- requested and the limits have capacity, charges the lease too (see lease.go).
--
-- KEYS: the subjects. Each holds the MessagePack of tat, level and penaltyEnd of every
-- tier, in microseconds since 1970 by this server's clock.
-- ARGV: the time, or '' for the server's; 1 if a rejection counts as a violation; first,
-- longest, block, resetAfter, delays (the penalties); the number of tiers; the duration of
-- the requested lease, 0 if there is none; and for each charge: subject, tier, cost, burst,
-- punishable, the time from now until the limit is replenished as far as the caller knows
-- (who may know more than is stored here), and the cost of the lease.
-- Returns 0 if the request is rejected, 1 if it is allowed, 2 if the lease is granted too;
-- and for each charge the time from now to tat, level, and the time from now to penaltyEnd.
local now = tonumber(ARGV[1])
local serverClock = not now
if serverClock then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local countViolation = ARGV[2] == '1'
local first, longest, block = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local resetAfter, delays, tiers = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local duration = tonumber(ARGV[9])

local stored = redis.call('MGET', unpack(KEYS))
local subjects = {}
for k = 1, #KEYS do
  subjects[k] = stored[k] and { cmsgpack.unpack(stored[k]) } or {}
  for f = 1, 3 * tiers do
    subjects[k][f] = subjects[k][f] or 0
  end
end

-- For each charge: the subject's fields, and the offset of its tier's.
local charges = {}
local blocked, exceeded, nonzero, grant = false, false, false, duration > 0
for a = 10, #ARGV, 7 do
  local s, f = subjects[tonumber(ARGV[a])], 3 * tonumber(ARGV[a + 1])
  local cost, burst = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  s[f + 1] = math.max(s[f + 1], now + tonumber(ARGV[a + 5]))
  local exceeds = s[f + 1] + cost > now + burst
  -- What a lease holds must not be replenished before it ends, or it would be allowed
  -- twice. No leases near the limit.
  local withLease = math.max(s[f + 1], now + duration) + cost + tonumber(ARGV[a + 6])
  grant = grant and withLease <= now + burst / 4
  charges[#charges + 1] = { s = s, f = f, cost = cost, withLease = withLease, punishable = ARGV[a + 4] == '1', exceeds = exceeds }
  blocked = blocked or (s[f + 2] > delays and now < s[f + 3])
  exceeded = exceeded or exceeds
  nonzero = nonzero or cost > 0
end

local allowed = not blocked and not exceeded
for _, c in ipairs(charges) do
  local s, f = c.s, c.f
  if allowed then
    s[f + 1] = grant and c.withLease or s[f + 1] + c.cost
  elseif not blocked and countViolation and c.punishable and c.exceeds and now >= s[f + 3] then
    if now >= s[f + 3] + resetAfter then
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

-- Keys expire when their states no longer have an effect. With a foreign clock that time is
-- unknown; such keys are kept for a day.
if nonzero then
  for k, s in ipairs(subjects) do
    local expiry = 0
    for f = 0, 3 * (tiers - 1), 3 do
      expiry = math.max(expiry, s[f + 1])
      if s[f + 2] > 0 then
        expiry = math.max(expiry, s[f + 3] + resetAfter)
      end
    end
    if expiry > now then
      local left = serverClock and math.ceil((expiry - now) / 1000) or 86400000
      redis.call('SET', KEYS[k], cmsgpack.pack(unpack(s)), 'PX', left)
    end
  end
end

local answer = { allowed and (grant and 2 or 1) or 0 }
for _, c in ipairs(charges) do
  answer[#answer + 1] = c.s[c.f + 1] - now
  answer[#answer + 1] = c.s[c.f + 2]
  answer[#answer + 1] = c.s[c.f + 3] - now
end
return answer
