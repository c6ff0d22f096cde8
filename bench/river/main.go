// Command river inserts and works jobs that do nothing with River, with its defaults, and prints
// how many of each it did in a second. It is a module of its own, so that the program does not
// depend on its peer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// limit bounds a run.
const limit = 5 * time.Minute

type nothing struct{}

// Kind implements river.JobArgs.
func (nothing) Kind() string { return "nothing" }

type worker struct{ river.WorkerDefaults[nothing] }

// Work implements river.Worker.
func (worker) Work(context.Context, *river.Job[nothing]) error { return nil }

func main() {
	database := flag.String("database", "", "the URL of a PostgreSQL database")
	jobs := flag.Int("jobs", 5000, "jobs to insert and work")
	workers := flag.Int("workers", 100, "jobs that run at the same time")
	batch := flag.Int("batch", 100, "jobs that one call inserts")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	err := run(ctx, *database, *jobs, *workers, *batch)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "river:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, database string, jobs, workers, batch int) error {
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	all := river.NewWorkers()
	river.AddWorker(all, worker{})
	client, err := river.NewClient(driver, &river.Config{Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}}, Workers: all})
	if err != nil {
		return err
	}
	began := time.Now()
	params := make([]river.InsertManyParams, batch)
	for i := range params {
		params[i].Args = nothing{}
	}
	for n := jobs; n > 0; n -= batch {
		if _, err := client.InsertMany(ctx, params[:min(batch, n)]); err != nil {
			return err
		}
	}
	inserted := time.Since(began)
	done, unsubscribe := client.SubscribeConfig(&river.SubscribeConfig{ChanSize: jobs, Kinds: []river.EventKind{river.EventKindJobCompleted}})
	defer unsubscribe()
	began = time.Now()
	if err := client.Start(ctx); err != nil {
		return err
	}
	for range jobs {
		select {
		case <-done:
		case <-ctx.Done():
			return errors.New("not all jobs were done in time")
		}
	}
	worked := time.Since(began)
	if err := client.Stop(ctx); err != nil {
		return err
	}
	_, err = fmt.Println(float64(jobs)/inserted.Seconds(), float64(jobs)/worked.Seconds())
	return err
}
