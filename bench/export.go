package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// exporting measures an export of the imported deals, and its import into an empty
// organisation: rows per second, the peak memory of both processes, and whether both
// organisations have the same deals in the end.
func (b *bed) exporting(rows int) error {
	if !b.imported {
		if err := b.importing(rows); err != nil {
			return err
		}
	}
	if _, err := b.run("org", "create", "Again"); err != nil {
		return err
	}
	companies, deals := filepath.Join(b.dir, "companies-out.csv"), filepath.Join(b.dir, "deals-out.csv")
	defer func() { _ = os.Remove(deals) }()
	if _, err := b.run("export", "companies", "--org", "Imported", "-o", companies); err != nil {
		return err
	}
	if _, err := b.run("import", "companies", companies, "--org", "Again", "--key", "id"); err != nil {
		return err
	}
	out, err := b.weigh("export", "deals", "--org", "Imported", "-o", deals)
	if err != nil {
		return err
	}
	in, err := b.weigh("import", "deals", deals, "--org", "Again", "--key", "id", "--create-missing", "owner")
	if err != nil {
		return err
	}
	first, err := b.fingerprint("Imported")
	if err != nil {
		return err
	}
	second, err := b.fingerprint("Again")
	if err != nil {
		return err
	}
	equal := "the same deals"
	if first != second {
		equal = fmt.Sprintf("DIFFERENT deals (%s, %s)", first, second)
	}
	fmt.Printf("%-10s  export of %d deals as CSV: %.0f rows/s, peak memory %d MB (aim: 100); re-import by id: %.0f rows/s, peak memory %d MB: %s\n",
		b.engine, rows, float64(rows)/out.took.Seconds(), out.peak, float64(rows)/in.took.Seconds(), in.peak, equal)
	if first != second {
		return errors.New("the re-imported deals differ from the exported ones")
	}
	return nil
}

// weight is the cost of a run of the program.
type weight struct {
	took time.Duration
	peak int64 // memory, in MB
}

// weigh runs a command of the program and returns its cost.
func (b *bed) weigh(args ...string) (weight, error) {
	c := b.command(args...)
	begin := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		return weight{}, fmt.Errorf("sixty %q: %w: %s", args, err, out)
	}
	return weight{time.Since(begin), peak(c)}, nil
}

// peak returns the peak memory of an ended process in MB.
func peak(c *exec.Cmd) int64 {
	return c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss / 1024
}

// otherIDs matches the fields that differ between organisations: people and stages are matched
// by name there.
var otherIDs = regexp.MustCompile(`"(owner_id|stage_id)":"[^"]*"`)

// fingerprint returns a hash of the JSON of an organisation's deals, in order.
func (b *bed) fingerprint(org string) (string, error) {
	c := b.command("export", "deals", "--org", org, "--format", "ndjson")
	c.Stderr = os.Stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := c.Start(); err != nil {
		return "", err
	}
	hash := sha256.New()
	lines := bufio.NewReaderSize(stdout, 1<<20)
	var failed error
	for failed == nil {
		var line []byte
		line, failed = lines.ReadBytes('\n')
		_, _ = hash.Write(otherIDs.ReplaceAll(line, nil)) // never fails
	}
	if errors.Is(failed, io.EOF) {
		failed = nil
	}
	return hex.EncodeToString(hash.Sum(nil)[:8]), errors.Join(failed, c.Wait())
}
