package fleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Metrics reads the server's metrics: each by name and labels, and their sum by name.
func (p *Process) Metrics(ctx context.Context) (map[string]float64, error) {
	resp, err := get(ctx, p.Addr, "/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics: status %s", resp.Status)
	}
	sums := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		end := max(0, strings.LastIndexByte(line, ' '))
		series := line[:end]
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("/metrics: %q: %w", line, err)
		}
		name, _, labelled := strings.Cut(series, "{")
		sums[name] += value
		if labelled {
			sums[series] = value
		}
	}
	return sums, lines.Err()
}

// The names of the compared metrics.
const (
	MetricStatements = "sixty_db_statement_duration_seconds_count"
	MetricInUse      = "sixty_db_connections_in_use"
	MetricPool       = "sixty_db_connections_max"
	MetricGoroutines = "go_goroutines"
	MetricResident   = "process_resident_memory_bytes"
	MetricHeap       = "go_memstats_heap_alloc_bytes" // including garbage
	MetricStacks     = "go_memstats_stack_inuse_bytes"
	MetricSharedHits = `sixty_cache_shared_total{outcome="hit"}`
)

// Peak returns the peak resident memory of the process in bytes (VmHWM of proc(5)).
func (p *Process) Peak() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("no VmHWM in /proc")
}

// tick is the unit of process times (USER_HZ of proc(5)), the same on every architecture of Go
// on Linux.
const tick = 10 * time.Millisecond

// CPU returns the user and system time of the process.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in parentheses, which may contain anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const user, system = 14 - 3, 15 - 3 // proc(5) counts from 1, and fields begins with the third
	if len(fields) <= system {
		return 0, errors.New("no times in /proc")
	}
	var ticks int64
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
