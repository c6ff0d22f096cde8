package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sixty/internal/config"
	"sixty/internal/files"
)

const (
	// tidyFilesEvery is the interval at which the folder of files is tidied, and tidyFilesAtOnce
	// bounds what is removed then.
	tidyFilesEvery  = time.Hour
	tidyFilesAtOnce = 10_000
)

// openFiles sets Files. That nothing can be kept now ends no server: only what needs files fails.
func (c *Core) openFiles(ctx context.Context, cfg config.Config) error {
	o := files.Options{MaxBytes: int64(cfg.FilesMaxBytes), Folder: cfg.FilesFolder()}
	if cfg.S3Bucket != "" {
		host, tls, _ := cfg.S3() // Check has validated it
		o.Bucket = files.Bucket{
			Name: cfg.S3Bucket, Endpoint: host, TLS: tls, Region: cfg.S3Region, AccessKey: cfg.S3AccessKey, SecretKey: cfg.S3SecretKey.Reveal(), PathStyle: cfg.S3PathStyle,
		}
	}
	s, err := files.NewService(c.Store, o)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", config.NameOf(cfg.Files, "S3Endpoint"), config.NameOf(cfg.Files, "S3Bucket"), err)
	}
	c.Files = s
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		c.Log.Warn("no files can be kept at the moment: uploads, exports and reports fail", "error", err, "cause", errors.Unwrap(err))
	}
	return nil
}

// tidyFiles removes what has expired from the folder of this instance, which no other may have,
// periodically until ctx ends.
func (s *serving) tidyFiles(ctx context.Context) {
	repeat(ctx, tidyFilesEvery, func() bool {
		recent, skew := s.heartbeat.state()
		if recent && skew == 0 && s.core.Files.Place() != "" { // a bucket is tidied by jobs
			s.tidyFilesOnce(ctx)
		}
		return ctx.Err() == nil
	})
}

func (s *serving) tidyFilesOnce(ctx context.Context) {
	now, err := s.core.Store.Now(ctx)
	if err != nil {
		return // the next time
	}
	if _, err := s.core.Files.RemoveExpired(ctx, now, tidyFilesAtOnce); err != nil && ctx.Err() == nil {
		s.core.Log.Warn("old files could not be removed", "error", err, "cause", errors.Unwrap(err))
	}
}
