package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
)

// farLimits are rate limits that are never reached.
var farLimits = []string{
	"SIXTY_RATE_LIMITS=on", "SIXTY_LIMIT_GLOBAL=1000000/1s", "SIXTY_LIMIT_API=1000000/1s", "SIXTY_LIMIT_EXPENSIVE=1000000/1s",
}

// The user that is signed in for the measurement.
const (
	signedInAs   = "bench@bench.example"
	signedInWith = "the password of the benchmark"
)

// limited measures a cached page of deals with rate limits and with authentication by API key
// or by session, without and with Redis, compared with bare handlers that write the same body,
// or also the same header, from memory.
func (b *bed) limited(deals, rounds int) error {
	if err := b.seed(deals); err != nil {
		return err
	}
	redis, err := fleet.StartRedis(b.ctx, b.dir, "")
	if err != nil {
		return err
	}
	defer redis.Stop()
	host, port, err := net.SplitHostPort(redis.Addr)
	if err != nil {
		return err
	}
	alone, err := b.program.Serve(b.ctx, "", append(asInProduction, farLimits...)...)
	if err != nil {
		return err
	}
	defer alone.Stop()
	shared, err := b.program.Serve(b.ctx, "", append(append(asInProduction, farLimits...), "REDIS_HOST="+host, "REDIS_PORT="+port)...)
	if err != nil {
		return err
	}
	defer shared.Stop()
	cookie, err := b.signIn(alone.Addr)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("/api/deals?limit=%d", pageSize)
	bare, err := b.startMemory(alone.Addr, path)
	if err != nil {
		return err
	}
	defer bare.Stop()
	var peers []*peer
	for _, coding := range []string{identity, brotli} {
		accept := []string{"Accept-Encoding", coding}
		session := []string{"Accept-Encoding", coding, "Cookie", cookie}
		peers = append(peers,
			&peer{name: "bare, " + coding, server: bare, path: "/" + coding, key: b.key, headers: accept},
			&peer{name: "bare, same header, " + coding, server: bare, path: "/" + coding + sameHeader, key: b.key, headers: accept},
			&peer{name: "key, " + coding, server: alone, path: path, key: b.key, headers: accept},
			&peer{name: "session, " + coding, server: alone, path: path, headers: session},
			&peer{name: "key, Redis, " + coding, server: shared, path: path, key: b.key, headers: accept},
			&peer{name: "session, Redis, " + coding, server: shared, path: path, headers: session},
		)
	}
	for _, p := range peers {
		p.addr = p.server.Addr
	}
	half, err := b.compare("page of deals, kept, with rate limits and sign-in", peers, rounds)
	if err != nil {
		return err
	}
	for i := 0; i < len(peers); i += 6 {
		for _, p := range peers[i+2 : i+6] {
			aim := "aim: 0.80"
			if p.server == shared {
				aim = "no aim"
			}
			printRatios(p, peers[i], half, aim, "no aim")
			printRatios(p, peers[i+1], half, "no aim", "no aim")
		}
	}
	return nil
}

// signIn creates a person, signs them in, and returns the cookie.
func (b *bed) signIn(addr string) (string, error) {
	id, err := b.run("user", "create", "--name", "Bench", "--email", signedInAs, "--role", "admin")
	if err != nil {
		return "", err
	}
	if _, err := b.runWith(signedInWith+"\n", "user", "password", strings.TrimSpace(id)); err != nil {
		return "", err
	}
	client := load.NewClient(1)
	defer client.Close()
	return logIn(b.ctx, client, addr)
}

func logIn(ctx context.Context, client *load.Client, addr string) (string, error) {
	a, err := client.Do(ctx, load.Call{
		Addr: addr, Method: http.MethodPost, Path: "/api/auth/login", Body: fmt.Appendf(nil, `{"email":%q,"password":%q}`, signedInAs, signedInWith),
	})
	if err != nil {
		return "", err
	}
	cookie, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	if a.Status != http.StatusOK || cookie == "" {
		return "", fmt.Errorf("signing in: status %d: %.300s", a.Status, a.Body)
	}
	return cookie, nil
}
