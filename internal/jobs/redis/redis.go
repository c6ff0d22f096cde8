// Package redis hands jobs over between instances by lists of Redis, one for each kind. What a list
// holds says only that there are jobs: they are rows of the database, and are claimed there.
// Whatever Redis loses is found there, too.
package redis

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/jobs"
	"sixty/internal/redis"
)

const (
	// maxRunning bounds the concurrent pushes.
	maxRunning = 16
	// maxTokens bounds a list: more runners than that need not be told.
	maxTokens = 1000
	// tokenLife is how long a list exists after the last push, in seconds.
	tokenLife = 60
	// popWait is how long a pop waits, in seconds.
	popWait = 1
	// popLimit bounds a pop whose connection does not respond.
	popLimit = 3 * time.Second
)

var errUnavailable = errors.New("redis is not connected")

// Handover implements jobs.Handover.
type Handover struct {
	conn   *redis.Conn
	calls  *redis.Calls[struct{}]
	prefix string
}

var _ jobs.Handover = (*Handover)(nil)

// New returns a Handover on a connection, for the instances that have the same name of the database.
// Close it before the connection.
func New(conn *redis.Conn, database string, log *slog.Logger) *Handover {
	return &Handover{
		conn: conn, prefix: "sixty:" + database + ":{jobs}:", // in a cluster, all lists are in one slot
		calls: redis.NewCalls[struct{}](redis.CallsOptions{
			Name: "jobs", Client: conn.Client, Running: maxRunning, Patience: redis.Patience, Logger: log,
		}),
	}
}

// Close waits for the running pushes.
func (h *Handover) Close() { h.calls.Close() }

// Push implements jobs.Handover.
func (h *Handover) Push(ctx context.Context, kinds []jobs.Kind) error {
	_, _, err := h.calls.Do(ctx, func(ctx context.Context, c rueidis.Client) (struct{}, error) {
		commands := make(rueidis.Commands, 0, 3*len(kinds))
		for _, kind := range kinds {
			key := h.prefix + string(kind)
			commands = append(commands,
				c.B().Lpush().Key(key).Element("1").Build(),
				c.B().Ltrim().Key(key).Start(0).Stop(maxTokens-1).Build(),
				c.B().Expire().Key(key).Seconds(tokenLife).Build())
		}
		for _, answer := range c.DoMulti(ctx, commands...) {
			if err := answer.Error(); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// Pop implements jobs.Handover.
func (h *Handover) Pop(ctx context.Context, kinds []jobs.Kind) (bool, error) {
	client := h.conn.Client()
	if client == nil {
		return false, errUnavailable
	}
	keys := make([]string, len(kinds))
	for i, kind := range kinds {
		keys[i] = h.prefix + string(kind)
	}
	ctx, cancel := context.WithTimeout(ctx, popLimit)
	defer cancel()
	err := client.Do(ctx, client.B().Brpop().Key(keys...).Timeout(popWait).Build()).Error()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return err == nil, err
}
