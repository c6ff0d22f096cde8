package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// FileDigest is a file as the record of an import names it.
type FileDigest struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// digestsOf reads files, and returns what the record of their import says of them. A file of several
// sheets stands in it once.
func digestsOf(ctx context.Context, sources []Source) (crm.JSON, error) {
	var list []FileDigest
	known := map[string]bool{}
	for _, s := range sources {
		if known[s.Name] {
			continue
		}
		known[s.Name] = true
		d, err := digestOf(ctx, s)
		if err != nil {
			return "", err
		}
		list = append(list, d)
	}
	return crm.EncodeJSON(list)
}

func digestOf(ctx context.Context, s Source) (d FileDigest, err error) {
	f, err := s.Open()
	if err != nil {
		return FileDigest{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, f})
	return FileDigest{Name: s.Name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// contextReader is a reader that ends with a context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// recorded returns the options as the record of an import has them.
func (o Options) recorded() (crm.JSON, error) {
	preset := ""
	if o.Preset != nil {
		preset = o.Preset.Name
	}
	return crm.EncodeJSON(struct {
		From          string   `json:"from,omitempty"`
		Preset        string   `json:"preset,omitempty"`
		Map           []string `json:"map,omitempty"`
		Key           []string `json:"key,omitempty"`
		CreateMissing []string `json:"create_missing,omitempty"`
		StageOutcome  []string `json:"stage_outcome,omitempty"`
		Encoding      string   `json:"encoding,omitempty"`
		Separator     string   `json:"separator,omitempty"`
		Sheet         string   `json:"sheet,omitempty"`
		DateFormat    []string `json:"date_format,omitempty"`
		TimeZone      string   `json:"time_zone,omitempty"`
		Decimal       string   `json:"decimal,omitempty"`
		Null          []string `json:"null,omitempty"`
		Currency      string   `json:"currency,omitempty"`
		Repeats       string   `json:"repeats,omitempty"`
		Lenient       bool     `json:"lenient,omitempty"`
	}{
		o.From, preset, o.Maps, o.Keys, o.CreateMissing, o.StageOutcomes, o.Encoding, o.Separator, o.Sheet, o.DateFormats, o.TimeZone, o.Decimal,
		o.Null, o.Currency, o.Repeats, o.Lenient,
	})
}

// describe completes the record of an import, which is to be entered.
func (o *Options) describe(ctx context.Context, sources []Source) (err error) {
	if o.Record == nil || o.DryRun || o.checkOnly || o.Record.Files != "" && o.described {
		return nil
	}
	described := *o.Record
	if described.Files, err = digestsOf(ctx, sources); err != nil {
		return err
	}
	if described.Options, err = o.recorded(); err != nil {
		return err
	}
	o.Record, o.described = &described, true
	return nil
}

// Describe returns the record of an import with its files and options, as Import enters it.
func Describe(opt Options, record bulk.Import, digests []FileDigest) (_ bulk.Import, err error) {
	if record.Files, err = crm.EncodeJSON(digests); err != nil {
		return bulk.Import{}, err
	}
	record.Options, err = opt.recorded()
	return record, err
}

// recording returns as what the import is recorded; nil: it is not.
func (o Options) recording() *bulk.Recording {
	if o.Record == nil || o.DryRun {
		return nil
	}
	return &bulk.Recording{Import: *o.Record, Part: o.part}
}

// endTime bounds what is written of an import when its context has ended.
const endTime = 10 * time.Second

// End sets in an import's record what became of it: it is done, unless there is an error.
func End(ctx context.Context, service *bulk.Service, by crm.Actor, id crm.ID, counts Counts, failed error) error {
	text, err := crm.EncodeJSON(counts)
	if err != nil {
		return err
	}
	state := bulk.ImportDone
	switch {
	case failed != nil && ctx.Err() != nil:
		state = bulk.ImportCancelled
	case failed != nil:
		state = bulk.ImportFailed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	return service.EndImport(ctx, by, id, func(i *bulk.Import) {
		i.State, i.Counts = state, text
		if failed != nil {
			i.Error = new(strings.ToValidUTF8(failed.Error()[:min(len(failed.Error()), maxErrorText)], ""))
		}
	})
}

// maxErrorText bounds the text of an error in an import's record, in bytes.
const maxErrorText = 1000
