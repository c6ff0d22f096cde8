package config

import "time"

// Session is how long people stay signed in.
type Session struct {
	SessionIdle     time.Duration `name:"session-idle" env:"SIXTY_SESSION_IDLE" default:"12h" help:"How long a session lasts that is not used." group:"server"`
	SessionLifetime time.Duration `name:"session-lifetime" env:"SIXTY_SESSION_LIFETIME" default:"720h" help:"How long a session lasts, whatever use is made of it." group:"server"`
}

// The bounds of what makes sense. Uses are entered once a minute at most.
const (
	leastSession = 5 * time.Minute
	maxSession   = 365 * 24 * time.Hour
)

func (s Session) problems() []string {
	c := complaints{settings: s}
	if s.SessionIdle < leastSession || s.SessionIdle > maxSession {
		c.add("SessionIdle", "must be between %s and %s, not %s", leastSession, maxSession, s.SessionIdle)
	}
	if s.SessionLifetime < leastSession || s.SessionLifetime > maxSession {
		c.add("SessionLifetime", "must be between %s and %s, not %s", leastSession, maxSession, s.SessionLifetime)
	}
	return c.found
}
