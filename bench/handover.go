package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sixty/bench/internal/fleet"
)

// handOverMix are the records of one person that are transferred, except for a few without an
// owner: 100,000 in all.
var handOverMix = map[string]int64{"companies": 15_000, "contacts": 25_000, "deals": 30_000, "activities": 20_000, "tasks": 10_000}

// handOver measures a transfer of all records of one person to another: its duration, and the
// server's peak memory.
func (b *bed) handOver() error {
	args := []string{"seed"}
	for kind, n := range handOverMix {
		args = append(args, fmt.Sprintf("--%s=%d", kind, n))
	}
	if _, err := b.run(args...); err != nil {
		return err
	}
	key, err := b.run("apikey", "create", "--name", "bench", "--role", "admin")
	if err != nil {
		return err
	}
	b.key = strings.TrimSpace(key)
	var people []struct{ ID, State string }
	out, err := b.run("user", "list", "--json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), &people); err != nil {
		return err
	}
	recipient, next := people[0].ID, people[1].ID
	for _, p := range people[1:] { // first give everything to one of them
		if _, err := b.run("user", "hand-over", p.ID, recipient); err != nil {
			return err
		}
	}
	if b.url != "" {
		if err := fleet.Administer(b.ctx, b.url, "VACUUM ANALYZE"); err != nil {
			return err
		}
	}
	server, err := b.program.Serve(b.ctx, "")
	if err != nil {
		return err
	}
	defer server.Stop()
	rested, err := server.Peak()
	if err != nil {
		return err
	}
	began := time.Now()
	got, err := b.handOverTo(server.Addr, recipient, next)
	took := time.Since(began)
	if err != nil {
		return err
	}
	most, err := server.Peak()
	if err != nil {
		return err
	}
	again, err := b.handOverTo(server.Addr, recipient, next)
	if err != nil {
		return err
	}
	var records int64
	for kind := range handOverMix {
		if again[kind] > 0 {
			return fmt.Errorf("%d %s were not transferred", again[kind], kind)
		}
		records += got[kind]
	}
	fmt.Printf("%-10s  transfer of %d records in one request: %.1f s (limit: 60), peak memory %d MB, %d before\n",
		b.engine, records, took.Seconds(), most>>20, rested>>20)
	return nil
}

// handOverTo requests a transfer and returns the number of records by type.
func (b *bed) handOverTo(addr, from, to string) (map[string]int64, error) {
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, "http://"+addr+"/api/users/"+from+"/hand-over",
		bytes.NewReader(fmt.Appendf(nil, `{"to":%q}`, to)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+b.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the transfer: %s: %s", resp.Status, body)
	}
	var answer struct{ Data map[string]int64 }
	err = json.Unmarshal(body, &answer)
	return answer.Data, err
}
