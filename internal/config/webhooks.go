package config

import (
	"net/netip"
	"strings"
)

// Webhooks configures where changes may be sent.
type Webhooks struct {
	WebhookAllow []string `name:"webhook-allow" env:"SIXTY_WEBHOOK_ALLOW" sep:"," placeholder:"HOST" help:"Hosts, addresses and CIDRs that webhooks may be sent to though they are not public, also over HTTP." group:"server"`
}

func (w Webhooks) problems() []string {
	c := checker{settings: w}
	for _, text := range w.WebhookAllow {
		text = strings.TrimSpace(text)
		_, notPrefix := netip.ParsePrefix(text)
		_, notAddress := netip.ParseAddr(text)
		if notPrefix != nil && notAddress != nil && !isHostName(text) {
			c.add("WebhookAllow", "must be hosts, addresses or CIDRs such as hooks.internal or 10.0.0.0/8, not %q", text)
		}
	}
	return c.found
}

// isHostName reports whether s is a host's name in ASCII.
func isHostName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}
