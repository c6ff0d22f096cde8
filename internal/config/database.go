package config

import (
	"net"
	"net/url"
	"strings"
)

// databaseURLProblem returns what is wrong with the URL of a PostgreSQL database, of one host
// or several (libpq manual, section 34.1.1.2); "" if nothing is. It does not repeat the URL,
// which contains a password.
func databaseURLProblem(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found || scheme != "postgres" && scheme != "postgresql" {
		return "must begin with postgres:// or postgresql://"
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user, hosts := "", rest[:end]
	if at := strings.LastIndexByte(hosts, '@'); at >= 0 {
		user, hosts = hosts[:at+1], hosts[at+1:]
	}
	// net/url knows URLs of one host.
	if _, err := url.Parse(scheme + "://" + user + "host" + rest[end:]); err != nil {
		return "must be a URL such as postgres://user:password@host:5432/name"
	}
	several := strings.Contains(hosts, ",")
	for host := range strings.SplitSeq(hosts, ",") {
		if host == "" && !several { // it is a parameter, or the default
			continue
		}
		if !isHost(host) {
			return "must name hosts as HOST or HOST:PORT, separated by commas"
		}
	}
	return ""
}

// isHost reports whether s is a host or HOST:PORT; IPv6 addresses are in brackets.
func isHost(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port, err = net.SplitHostPort(s + ":1")
	}
	return err == nil && host != "" && !strings.ContainsAny(host, " []") && isPort(port)
}
