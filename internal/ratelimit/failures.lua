-- Counts an attempt against subjects, or uncounts it, like failures.go.
--
-- KEYS: the subjects. Each holds the MessagePack of its count, of when the next attempt is
-- accepted and of when the count expires, in milliseconds since 1970 by this server's clock.
-- ARGV: "begin" or "uncount"; the time, or '' for the server's; the first and the longest
-- delay, and how long progressive delays last. For begin, of each subject: its free failures,
-- its window (0: progressive delays), and 1 if it is observed only. For uncount, of each: when
-- the wait ends that the attempt began, which ends now if no other one has begun; '' for a
-- subject with a window, whose wait ends with any uncounted attempt.
-- Returns for begin whether it is accepted (1), and of each subject the wait before, and the
-- count, the time until the next attempt and until it expires, and when the next attempt is
-- accepted; for uncount nothing.
local now = tonumber(ARGV[2])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local first, longest, reset = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local states, waits, accepted = {}, {}, true
for i = 1, #KEYS do
  local count, free, expires = 0, 0, 0
  local text = redis.call('GET', KEYS[i])
  if text then
    count, free, expires = cmsgpack.unpack(text)
  end
  if expires <= now then
    count, free, expires = 0, 0, 0
  end
  states[i] = { count = count, free = free, expires = expires }
  waits[i] = math.max(0, free - now)
  if ARGV[1] == 'begin' and waits[i] > 0 and ARGV[3 + 3 * i + 2] ~= '1' then
    accepted = false
  end
end

local function save(i)
  local s = states[i]
  if s.count == 0 then
    redis.call('DEL', KEYS[i])
  else
    redis.call('SET', KEYS[i], cmsgpack.pack(s.count, s.free, s.expires), 'PX', s.expires - now)
  end
end

if ARGV[1] == 'uncount' then
  for i = 1, #KEYS do
    local s = states[i]
    s.count = math.max(0, s.count - 1)
    if ARGV[5 + i] == '' or s.free == tonumber(ARGV[5 + i]) then
      s.free = now
    end
    save(i)
  end
  return {}
end

local out = { accepted and 1 or 0 }
for i = 1, #KEYS do
  local s = states[i]
  if accepted and waits[i] == 0 then
    local allowed, window = tonumber(ARGV[3 + 3 * i]), tonumber(ARGV[4 + 3 * i])
    s.count = s.count + 1
    if window == 0 then
      local delay = 0
      if s.count > allowed then
        delay = math.min(longest, first * 2 ^ math.min(30, s.count - allowed - 1))
      end
      s.free, s.expires = now + delay, now + reset
    else
      if s.count == 1 then
        s.expires = now + window
      end
      if s.count >= allowed then
        s.free = s.expires
      end
    end
    save(i)
  end
  for _, n in ipairs({ waits[i], s.count, math.max(0, s.free - now), math.max(0, s.expires - now), s.free }) do
    out[#out + 1] = n
  end
end
return out
