package server

import (
	"log/slog"
	"net/http"
	"net/netip"

	"sixty/internal/ratelimit"
)

// ClientAddress returns the address that a request comes from.
func (s *Server) ClientAddress(r *http.Request) string { return s.clientAddr(r).String() }

// addressOf returns the address that a request comes from, as rate limits count it.
func (s *Server) addressOf(r *http.Request) ratelimit.Caller {
	return ratelimit.Address(s.clientAddr(r))
}

func (s *Server) clientAddr(r *http.Request) netip.Addr {
	if len(s.Proxies) == 0 && isForwarded(r) && isNear(r) {
		s.unknownProxy.Do(func() {
			s.Logger.LogAttrs(r.Context(), slog.LevelWarn,
				"a request from a loopback, private or link-local address has a proxy's headers, which are not trusted. If a proxy is there, rate limits and "+
					"the audit trail take its address for that of every client: set SIXTY_TRUSTED_PROXIES to it. This is logged once",
				slog.String("address", r.RemoteAddr))
		})
	}
	return s.Proxies.ClientAddr(r.RemoteAddr, r.Header["X-Forwarded-For"])
}

// isForwarded reports whether a request says that a proxy has forwarded it.
func isForwarded(r *http.Request) bool {
	for _, name := range [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"} {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	return false
}

// isNear reports whether a request comes from an address that a proxy of this server would have, and
// not any client on the internet, who sends headers at will.
func isNear(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	a := peer.Addr().Unmap()
	return err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast())
}

// isLocal reports whether a request comes from this host, and not through a proxy on it that says so.
func isLocal(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback() && !isForwarded(r)
}
