package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// importing measures an import of many deals into an empty organisation, with all indexes in
// place: rows per second, and the peak memory of the process.
func (b *bed) importing(rows int) error {
	companies, deals := filepath.Join(b.dir, "companies.csv"), filepath.Join(b.dir, "deals.csv")
	if err := writeFiles(companies, deals, rows); err != nil {
		return err
	}
	defer func() { _ = os.Remove(deals) }()
	org := []string{"--org", "Imported"}
	if _, err := b.run("org", "create", "Imported"); err != nil {
		return err
	}
	if _, err := b.run(append([]string{"import", "companies", companies, "--key", "name"}, org...)...); err != nil {
		return err
	}
	c := b.command(append([]string{"import", "deals", deals, "--key", "external_id", "--create-missing", "owner", "--json"}, org...)...)
	c.Stderr = os.Stderr
	begin := time.Now()
	out, err := c.Output()
	took := time.Since(begin)
	if err != nil {
		return fmt.Errorf("importing: %w: %s", err, out)
	}
	var summary struct{ Read, Created, Rejected int }
	if err := json.Unmarshal(out, &summary); err != nil {
		return fmt.Errorf("the summary %q: %w", out, err)
	}
	if summary.Created != rows {
		return fmt.Errorf("created %d of %d deals", summary.Created, rows)
	}
	b.imported = true
	fmt.Printf("%-10s  import of %d deals, all indexes in place: %.0f rows/s (aim: 6,000), peak memory %d MB (aim: 150)\n",
		b.engine, rows, float64(rows)/took.Seconds(), peak(c))
	return nil
}

// writeFiles writes generated companies and deals that refer to them by name.
func writeFiles(companies, deals string, rows int) error {
	const accounts, people = 2000, 40
	if err := writeFile(companies, accounts, "name,industry", func(b []byte, i int) []byte {
		return fmt.Appendf(b, "Company %d,industry %d", i, i%20)
	}); err != nil {
		return err
	}
	stages := []string{"Lead", "Qualified", "Proposal", "Negotiation", "Won", "Lost"}
	random := rand.New(rand.NewPCG(1, 2)) // reproducible
	first := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	header := "external_id,name,company,owner,stage,value,created_at,closed_at,expected_close_date,description"
	return writeFile(deals, rows, header, func(b []byte, i int) []byte {
		stage := stages[random.IntN(len(stages))]
		made := first.Add(time.Duration(random.IntN(700*24*3600)) * time.Second)
		closed := ""
		if stage == "Won" || stage == "Lost" {
			closed = made.Add(time.Duration(random.IntN(90*24)) * time.Hour).Format(time.RFC3339)
		}
		return fmt.Appendf(b, "D-%d,Opportunity %d,Company %d,Person %d Surname,%s,%s,%s,%s,%s,Made for a measurement; number %d.",
			i, i, random.IntN(accounts), random.IntN(people), stage, strconv.FormatFloat(float64(random.IntN(10_000_000))/100, 'f', 2, 64),
			made.Format(time.RFC3339), closed, made.AddDate(0, 3, 0).Format(time.DateOnly), i)
	})
}

func writeFile(path string, rows int, header string, row func([]byte, int) []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	line := append([]byte(header), '\n')
	for i := 0; ; i++ {
		if _, err = w.Write(line); err != nil || i == rows {
			break
		}
		line = append(row(line[:0], i), '\n')
	}
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
