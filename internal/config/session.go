package config

import "time"

// Session configures how long people stay signed in.
type Session struct {
	SessionIdle     time.Duration `name:"session-idle" env:"SIXTY_SESSION_IDLE" default:"12h" help:"Lifetime of a session that is not used." group:"server"`
	SessionLifetime time.Duration `name:"session-lifetime" env:"SIXTY_SESSION_LIFETIME" default:"720h" help:"Maximum lifetime of a session." group:"server"`
}

// The minimum is well above the one-minute precision of the time of last use.
const (
	minSession = 5 * time.Minute
	maxSession = 365 * 24 * time.Hour
)

func (s Session) problems() []string {
	c := checker{settings: s}
	if s.SessionIdle < minSession || s.SessionIdle > maxSession {
		c.add("SessionIdle", "must be between %s and %s, not %s", minSession, maxSession, s.SessionIdle)
	}
	if s.SessionLifetime < minSession || s.SessionLifetime > maxSession {
		c.add("SessionLifetime", "must be between %s and %s, not %s", minSession, maxSession, s.SessionLifetime)
	}
	return c.found
}
