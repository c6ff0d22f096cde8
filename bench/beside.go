package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
)

const (
	// besideRate is how many pages a second are asked for beside an import.
	besideRate = 50
	// besideRound is how long one measurement lasts.
	besideRound = 5 * time.Second
	// besideAround is how many measurements are made before the import, and after it.
	besideAround = 4
	// besideLimit bounds the import.
	besideLimit = 10 * time.Minute
)

// beside measures uncached pages while an import of many deals runs as a job, compared with pages
// before and after it.
func (b *bed) beside(deals, rows int) error {
	if err := b.seed(deals); err != nil {
		return err
	}
	companies, file := filepath.Join(b.dir, "companies.csv"), filepath.Join(b.dir, "deals.csv")
	if err := writeFiles(companies, file, rows); err != nil {
		return err
	}
	defer func() { _ = os.Remove(file) }()
	if _, err := b.run("import", "companies", companies, "--key", "name"); err != nil {
		return err
	}
	server, err := b.program.Serve(b.ctx, "", withoutCache)
	if err != nil {
		return err
	}
	defer server.Stop()
	c := &jobClient{base: "http://" + server.Addr, key: b.key}
	without, err := b.pagesFor(server, besideAround)
	if err != nil {
		return err
	}
	begin := time.Now()
	job, err := c.upload(b.ctx, file, "kind=deals&key=external_id&create_missing=owner")
	if err != nil {
		return err
	}
	var with []float64
	for ended := false; !ended; {
		p99, err := b.pagesFor(server, 1)
		if err != nil {
			return err
		}
		if ended, err = c.ended(b.ctx, job); err != nil {
			return err
		}
		if with = append(with, p99...); time.Since(begin) > besideLimit {
			return fmt.Errorf("the import has not ended after %s", besideLimit)
		}
	}
	took := time.Since(begin)
	after, err := b.pagesFor(server, besideAround)
	if err != nil {
		return err
	}
	without = append(without, after...)
	fmt.Printf("%-10s  page of %d, uncached, %d a second, beside an import of %d deals (%.0f rows/s): p99 %.1f ms, without %.1f ms: %.2f (aim: 2)\n",
		b.engine, pageSize, besideRate, rows, float64(rows)/took.Seconds(), median(with), median(without), median(with)/median(without))
	return nil
}

// pagesFor returns the 99th percentile of each of some measurements, in milliseconds.
func (b *bed) pagesFor(server *fleet.Process, rounds int) ([]float64, error) {
	target := load.Target{Addr: server.Addr, Requests: [][]byte{load.Request(server.Addr, fmt.Sprintf("/api/deals?limit=%d", pageSize), b.key)}}
	var p99 []float64
	for range rounds {
		r, err := load.Open(b.ctx, target, clients, besideRate, besideRound)
		if err != nil {
			return nil, err
		}
		p99 = append(p99, load.Percentile(r.Took, 99))
	}
	return p99, nil
}

// jobClient asks for jobs.
type jobClient struct{ base, key string }

// upload posts a file to be imported, and returns the path of the job.
func (c *jobClient) upload(ctx context.Context, path, options string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/imports?"+options, file)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "text/csv")
	resp, err := c.do(req, http.StatusAccepted)
	if err != nil {
		return "", err
	}
	_ = resp.Body.Close()
	return resp.Header.Get("Location"), nil
}

// ended reports whether a job is done. One that has ended otherwise is an error.
func (c *jobClient) ended(ctx context.Context, path string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return false, err
	}
	resp, err := c.do(req, http.StatusOK)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct{ Data struct{ State, Error string } }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return false, err
	}
	switch body.Data.State {
	case "done":
		return true, nil
	case "failed", "cancelled":
		return false, fmt.Errorf("the job is %s: %s", body.Data.State, body.Data.Error)
	}
	return false, nil
}

func (c *jobClient) do(req *http.Request, want int) (*http.Response, error) {
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != want {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, text)
	}
	return resp, err
}
