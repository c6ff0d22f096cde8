package ratelimit

// state is the state of one limit of one subject. All times are in microseconds since an
// epoch that the owner of the state chooses. The zero state is that of a new subject.
type state struct {
	// tat, the "theoretical arrival time", is when everything taken has been replenished.
	tat int64
	// level counts the penalties, and mark is when the last of them ends.
	level      int64
	penaltyEnd int64
}

// charge is the cost of a request in terms of one limit.
type charge struct {
	cost       int64 // how long it takes to replenish
	burst      int64 // how long the whole limit takes to replenish
	punishable bool  // whether exceeding the limit is a violation
}

// penalties are Penalties in microseconds.
type penalties struct {
	first, longest, block, resetAfter int64
	delays                            int64
}

// decide charges a request to its limits, all of them or none, and returns whether it is
// allowed. If it is not, and counts is set, the limits that it exceeds are violated.
// script.lua is the same function, and grants leases besides.
func (p *penalties) decide(now int64, charges []charge, states []*state, countViolation bool) bool {
	blocked, exceeded := false, false
	for i, s := range states {
		blocked = blocked || p.blocks(s, now)
		exceeded = exceeded || s.exceeds(&charges[i], now)
	}
	switch {
	case !blocked && !exceeded:
		for i, s := range states {
			s.tat = max(s.tat, now) + charges[i].cost
		}
		return true
	case !blocked && countViolation:
		for i, s := range states {
			if charges[i].punishable && s.exceeds(&charges[i], now) {
				p.penalise(s, now)
			}
		}
	}
	return false
}

// exceeds reports whether a charge is more than the limit has left.
func (s *state) exceeds(c *charge, now int64) bool {
	return max(s.tat, now)+c.cost > now+c.burst
}

// blocks reports whether a block is in force.
func (p *penalties) blocks(s *state, now int64) bool {
	return s.level > p.delays && now < s.penaltyEnd
}

// penalise counts a violation. Violations during a penalty are not counted: concurrent
// requests are not repeated ones, and the announced end of a block must not move.
func (p *penalties) penalise(s *state, now int64) {
	if now < s.penaltyEnd {
		return
	}
	if now >= s.penaltyEnd+p.resetAfter {
		s.level = 0
	}
	s.level = min(s.level+1, p.delays+1)
	s.penaltyEnd = now + p.duration(s.level)
}

// duration returns how long the penalty of a level lasts.
func (p *penalties) duration(level int64) int64 {
	if level > p.delays {
		return p.block
	}
	d := p.first
	for i := int64(1); i < level && d < p.longest; i++ {
		d *= 2
	}
	return min(d, p.longest)
}

// expiry returns when the state no longer has an effect.
func (p *penalties) expiry(s *state) int64 {
	if s.level == 0 {
		return s.tat
	}
	return max(s.tat, s.penaltyEnd+p.resetAfter)
}
