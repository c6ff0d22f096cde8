package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sixty/bench/internal/fleet"
)

// scaleSizes are the numbers of deals at which the dashboard is measured.
var scaleSizes = []int{10_000, 100_000, 1_000_000}

const (
	// scaleRequests bounds the number of requests of each kind, sent sequentially, and
	// scaleLimit their duration.
	scaleRequests = 200
	scaleLimit    = 30 * time.Second
)

// scale measures the requests whose cost could grow with the database: a far page, search, the
// dashboard, and companies with statistics.
func (b *bed) scale(most int) error {
	if err := b.seed(scaleSizes[0]); err != nil {
		return err
	}
	fmt.Printf("%-10s  milliseconds, median / p95 of at most %d requests, one at a time, uncached:\n", b.engine, scaleRequests)
	fmt.Printf("%12s %18s %18s %18s %18s %18s %18s\n", "deals", "page 1", "page 2", "last page but one", "search", "dashboard", "companies+stats")
	for _, size := range scaleSizes {
		if size > most {
			break
		}
		if size < b.deals {
			continue
		}
		if more := size - b.deals; more > 0 {
			_, err := b.run("seed", "--companies", strconv.Itoa(more/25), "--contacts", strconv.Itoa(more/5), "--deals", strconv.Itoa(more), "--random-seed", strconv.Itoa(size))
			if err != nil {
				return err
			}
			b.deals = size
		}
		if b.url != "" {
			if err := fleet.Administer(b.ctx, b.url, "VACUUM ANALYZE"); err != nil {
				return err
			}
		}
		if err := b.scaleRow(size); err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) scaleRow(size int) error {
	server, err := b.program.Serve(b.ctx, "", withoutCache)
	if err != nil {
		return err
	}
	defer server.Stop()
	c := &caller{bed: b, client: &http.Client{}, addr: server.Addr}
	defer c.client.CloseIdleConnections()

	deals := fmt.Sprintf("/api/deals?limit=%d", pageSize)
	first, err := c.page(deals)
	if err != nil {
		return err
	}
	last, err := c.page(deals + "&direction=backward")
	if err != nil {
		return err
	}
	beforeLast, err := c.page(deals + "&direction=backward&cursor=" + last.Pagination.PrevCursor)
	if err != nil {
		return err
	}
	before, err := c.page(deals + "&direction=backward&cursor=" + beforeLast.Pagination.PrevCursor)
	if err != nil {
		return err
	}
	companies, err := c.page(fmt.Sprintf("/api/companies?limit=%d", pageSize))
	if err != nil {
		return err
	}
	var searches []string
	for _, row := range companies.Data {
		word, _, _ := strings.Cut(row.Name, " ")
		for _, typed := range []string{string([]rune(word)[:min(3, len([]rune(word)))]), word} {
			searches = append(searches, "/api/search?q="+url.QueryEscape(typed))
		}
	}
	fmt.Printf("%12d", size)
	for _, compared := range [][][]string{
		{{deals}, {deals + "&cursor=" + first.Pagination.NextCursor}, {deals + "&cursor=" + before.Pagination.NextCursor}},
		{searches},
		{{"/api/dashboard"}},
		{{fmt.Sprintf("/api/companies?limit=%d&includeStats=true", pageSize)}},
	} {
		took, err := c.time(compared)
		if err != nil {
			return err
		}
		for _, t := range took {
			fmt.Printf(" %8.2f /%8.2f", median(t), t[len(t)*95/100])
		}
	}
	fmt.Println()
	return nil
}

// caller sends requests sequentially.
type caller struct {
	bed    *bed
	client *http.Client
	addr   string
}

type pageAnswer struct {
	Data       []struct{ Name string }
	Pagination struct{ NextCursor, PrevCursor string }
}

func (c *caller) page(path string) (*pageAnswer, error) {
	p := &peer{name: path, addr: c.addr, path: path, key: c.bed.key}
	resp, err := p.fetch(c.bed.ctx, c.client)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var answer pageAnswer
	err = errors.Join(json.NewDecoder(resp.Body).Decode(&answer), resp.Body.Close())
	return &answer, err
}

// time sends requests of several kinds alternately and returns the sorted durations of each
// kind in milliseconds.
func (c *caller) time(kinds [][]string) ([][]float64, error) {
	took := make([][]float64, len(kinds))
	began := time.Now()
	for i := range scaleRequests + 5 {
		if i > 5 && time.Since(began) > time.Duration(len(kinds))*scaleLimit {
			break
		}
		for kind, paths := range kinds {
			p := &peer{addr: c.addr, path: paths[i%len(paths)], key: c.bed.key}
			begin := time.Now()
			if err := p.get(c.bed.ctx, c.client); err != nil {
				return nil, fmt.Errorf("%s: %w", p.path, err)
			}
			if i >= 5 { // after the warm-up
				took[kind] = append(took[kind], time.Since(begin).Seconds()*1000)
			}
		}
	}
	for _, t := range took {
		slices.Sort(t)
	}
	return took, nil
}
