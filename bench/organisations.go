package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
)

// organisationCounts are how many organisations are read in turn: fewer and more than an
// instance followed when their number was bounded.
var organisationCounts = []int{950, 2000, 10_000}

// warmRounds bounds the rounds until the pages of all organisations are cached.
const warmRounds = 40

// organisations measures a cached page when many organisations read it in turn, of this build
// and of an earlier one (-old), if given.
func (b *bed) organisations(old string, rounds int) error {
	builds := []*build{{name: "new", bed: b}}
	if old != "" {
		earlier, err := newBed(b.ctx, b.engine, old, filepath.Join(b.dir, "old"))
		if err != nil {
			return err
		}
		defer earlier.close()
		builds = append(builds, &build{name: "old", bed: earlier})
	}
	for _, of := range builds {
		if err := of.multiply(organisationCounts[len(organisationCounts)-1]); err != nil {
			return err
		}
	}
	fmt.Printf("%-10s  a cached page of companies of many organisations in turn, %d connections (aim: CPU/request within 1.20 of %d organisations):\n",
		b.engine, clients, organisationCounts[0])
	for _, n := range organisationCounts {
		if err := b.inTurn(builds, n, rounds); err != nil {
			return err
		}
	}
	return nil
}

// build is a build with many organisations.
type build struct {
	name  string
	bed   *bed
	keys  []string
	first float64 // CPU per request with the fewest organisations
}

// multiply adds copies of the organisation, each with a user, a key and three companies.
func (of *build) multiply(n int) error {
	b := of.bed
	if err := b.seed(100); err != nil {
		return err
	}
	for i := range n {
		of.keys = append(of.keys, fmt.Sprintf("sixty_%08d_%043d", i+1, i+1))
	}
	return errors.Join(
		fleet.Administer(b.ctx, b.url, fmt.Sprintf(`
DO $$
DECLARE model uuid := (SELECT org_id FROM api_keys WHERE name = 'bench'); person uuid := (SELECT user_id FROM api_keys WHERE name = 'bench'); org uuid; usr uuid; key text;
BEGIN
  FOR i IN 1..%d LOOP
    org := gen_random_uuid(); usr := gen_random_uuid(); key := 'sixty_' || lpad(i::text, 8, '0') || '_' || lpad(i::text, 43, '0');
    INSERT INTO organisations SELECT (jsonb_populate_record(t, jsonb_build_object('id', org, 'name', 'copy ' || i, 'name_key', 'copy ' || i, 'log_seq', 0))).* FROM organisations t WHERE t.id = model;
    INSERT INTO users SELECT (jsonb_populate_record(t, jsonb_build_object('id', usr, 'org_id', org))).* FROM users t WHERE t.id = person;
    INSERT INTO api_keys SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'org_id', org, 'user_id', usr, 'prefix', left(key, 14), 'hash', sha256(convert_to(key, 'UTF8'))))).*
      FROM api_keys t WHERE t.org_id = model AND t.name = 'bench';
    INSERT INTO companies SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'org_id', org, 'owner_id', NULL, 'external_id', NULL))).*
      FROM companies t WHERE t.id IN (SELECT id FROM companies WHERE org_id = model LIMIT 3);
  END LOOP;
END $$`, n)),
		fleet.Administer(b.ctx, b.url, "VACUUM ANALYZE"))
}

// inTurn measures with a number of organisations, on new servers.
func (b *bed) inTurn(builds []*build, n, rounds int) error {
	var peers []*peer
	defer func() {
		for _, p := range peers {
			p.server.Stop()
		}
	}()
	for _, of := range builds {
		server, err := of.bed.program.Serve(b.ctx, "", asInProduction...)
		if err != nil {
			return err
		}
		p := &peer{name: of.name, server: server, addr: server.Addr}
		peers = append(peers, p)
		for _, key := range of.keys[:n] {
			p.requests = append(p.requests, load.Request(p.addr, "/api/companies?limit=3", key, "Accept-Encoding", identity))
		}
		for i := range warmRounds {
			if err := p.round(b.ctx, clients); err != nil {
				return err
			}
			if p.hits[i] > 0.98 {
				break
			}
		}
		p.discard()
	}
	if err := turns(peers, rounds, func(p *peer) error { return p.round(b.ctx, clients) }); err != nil {
		return err
	}
	for i, p := range peers {
		m, err := p.server.Metrics(b.ctx)
		if err != nil {
			return err
		}
		cpu := median(p.cpu)
		if builds[i].first == 0 {
			builds[i].first = cpu
		}
		fmt.Printf("%10s    %s, %6d organisations: %6.0f/s, CPU/request %.0f us = %.2f, %.1f%% cached, %.0f MB resident\n", "",
			p.name, n, median(p.rates), cpu, cpu/builds[i].first, 100*median(p.hits), m[fleet.MetricResident]/(1<<20))
	}
	return nil
}
