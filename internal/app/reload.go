package app

import (
	"strings"

	"sixty/internal/config"
)

// Reload takes over the settings that may change while the server runs: the log level,
// secrets, and the certificate. An error, or settings that are invalid, change nothing. Passwords of the database
// and of Redis are for new connections. Other changed settings are named in the log.
func (a *App) Reload(cfg config.Config, err error) {
	log := a.core.Log
	defer a.core.lines.Flush()
	if err == nil {
		err = cfg.Check()
	}
	if err == nil && len(cfg.PaginationKeys) > 0 {
		err = a.sealer.Replace(reveal(cfg.PaginationKeys)...)
	}
	if err != nil {
		log.Error("the settings were not reloaded, because they are invalid", "error", err)
		return
	}
	a.core.level.Set(cfg.LogLevel)
	now := a.settings // what applies from now on
	now.LogLevel = cfg.LogLevel
	if len(cfg.PaginationKeys) > 0 {
		now.PaginationKeys = cfg.PaginationKeys
	}
	if s := a.serving; s.identity != nil && s.identity.ReplaceSecrets(cfg.JWTSecret.Reveal(), cfg.OIDCClientSecret.Reveal()) {
		now.JWTSecret, now.OIDCClientSecret = cfg.JWTSecret, cfg.OIDCClientSecret
		if s.tokens != nil {
			s.tokens.Forget() // those that the old secret has signed
		}
	}
	if a.core.replacePasswords(cfg.DatabaseURL, cfg.DatabaseDirectURL) {
		now.DatabaseURL, now.DatabaseDirectURL = cfg.DatabaseURL, cfg.DatabaseDirectURL
	}
	if a.serving.replaceRedisPassword(cfg.Redis) {
		now.RedisPassword, now.RedisURL = cfg.RedisPassword, cfg.RedisURL
	}
	if old := config.Differences(now, cfg); len(old) > 0 {
		log.Warn("settings have changed that apply only after a restart", "settings", strings.Join(old, ", "))
	}
	if a.cert != nil {
		a.cert.refresh()
	}
	log.Info("the settings were reloaded", "level", cfg.LogLevel)
	a.settings = now
}

func reveal(secrets []config.Secret) []string {
	var texts []string
	for _, s := range secrets {
		texts = append(texts, s.Reveal())
	}
	return texts
}

// replacePasswords takes over the database's passwords from URLs that differ in nothing else.
func (c *Core) replacePasswords(url, directURL config.Secret) bool {
	db, ok := c.engine.(interface {
		ReplacePasswords(url, directURL string) bool
	})
	return ok && db.ReplacePasswords(url.Reveal(), directURL.Reveal())
}

// replaceRedisPassword takes over the password of Redis, if nothing else of where it is has
// changed.
func (s *serving) replaceRedisPassword(cfg config.Redis) bool {
	endpoint, err := cfg.Endpoint()
	if err != nil || s.redis == nil {
		return false
	}
	o, err := redisOptions(s.core, endpoint)
	return err == nil && s.redis.ReplacePassword(o)
}
