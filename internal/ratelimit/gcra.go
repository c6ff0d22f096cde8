package ratelimit

// state is what is known of one limit of one subject. All times are in microseconds,
// since a moment that whoever keeps the state has chosen. The zero state is that of
// somebody who has never come.
type state struct {
	// tat is when all that was taken has grown back: the "theoretical arrival time".
	tat int64
	// level counts the penalties, and mark is when the last of them ends.
	level int64
	mark  int64
}

// charge is what a request takes from one limit.
type charge struct {
	cost   int64 // the time in which as much grows back
	whole  int64 // the time in which all of the limit grows back
	strict bool  // whether a refusal is a violation
}

// penalties are Penalties in microseconds.
type penalties struct {
	first, longest, block, quiet int64
	delays                       int64
}

// decide charges a request to its limits, all of them or none, and tells whether it
// is allowed. If it is not, and counts, it is a violation of those it exceeds.
// script.lua is the same function, and lends besides.
func (p *penalties) decide(now int64, charges []charge, states []*state, counts bool) bool {
	blocked, over := false, false
	for i, s := range states {
		blocked = blocked || p.blocks(s, now)
		over = over || s.exceeds(&charges[i], now)
	}
	switch {
	case !blocked && !over:
		for i, s := range states {
			s.tat = max(s.tat, now) + charges[i].cost
		}
		return true
	case !blocked && counts:
		for i, s := range states {
			if charges[i].strict && s.exceeds(&charges[i], now) {
				p.punish(s, now)
			}
		}
	}
	return false
}

// exceeds tells whether the limit has no room for a charge.
func (s *state) exceeds(c *charge, now int64) bool {
	return max(s.tat, now)+c.cost > now+c.whole
}

// blocks tells whether a block is in force.
func (p *penalties) blocks(s *state, now int64) bool {
	return s.level > p.delays && now < s.mark
}

// punish counts a violation. Those that come while a penalty lasts are one with the
// violation that brought it: requests that were sent together are not repeated ones,
// and the end that was told does not move.
func (p *penalties) punish(s *state, now int64) {
	if now < s.mark {
		return
	}
	if now >= s.mark+p.quiet {
		s.level = 0
	}
	s.level = min(s.level+1, p.delays+1)
	s.mark = now + p.lasts(s.level)
}

// lasts is how long the penalty of a level lasts.
func (p *penalties) lasts(level int64) int64 {
	if level > p.delays {
		return p.block
	}
	d := p.first
	for i := int64(1); i < level && d < p.longest; i++ {
		d *= 2
	}
	return min(d, p.longest)
}

// ends is when the state says nothing any more.
func (p *penalties) ends(s *state) int64 {
	if s.level == 0 {
		return s.tat
	}
	return max(s.tat, s.mark+p.quiet)
}
