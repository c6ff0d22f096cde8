package bulk

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"sixty/internal/crm"
)

// loadedBatch is what is kept of the rows of a transaction, so that an import that is run again
// after it was interrupted tells of them what it would have told.
type loadedBatch struct {
	Verdicts string `json:"verdicts"` // a letter for each row
	// Of the rows, by their places, that there is more to tell of.
	Rows    map[int]RowResult                `json:"rows,omitempty"`
	Created map[Reference][]CreatedReference `json:"created,omitempty"`
}

var verdictLetters = map[RowVerdict]byte{RowCreated: 'c', RowUpdated: 'u', RowUnchanged: 'n', RowRejected: 'r'}

// encodeLoaded returns what is kept of the rows of a transaction.
func encodeLoaded(b *batchTx, results []RowResult) ([]byte, error) {
	letters := make([]byte, len(results))
	kept := loadedBatch{Rows: map[int]RowResult{}, Created: map[Reference][]CreatedReference{}}
	for i, r := range results {
		letters[i] = verdictLetters[r.Verdict]
		if r.Reason != "" || len(r.Omitted) > 0 {
			kept.Rows[i] = r
		}
	}
	kept.Verdicts = string(letters)
	for _, l := range b.refs.all {
		if told := l.told(); len(told) > 0 {
			kept.Created[l.reference()] = told
		}
	}
	return Compress(kept)
}

// decodeLoaded returns the results of rows, and what was created for them.
func decodeLoaded(text []byte) ([]RowResult, map[Reference][]CreatedReference, error) {
	var kept loadedBatch
	if err := Decompress(text, &kept); err != nil {
		return nil, nil, err
	}
	results := make([]RowResult, len(kept.Verdicts))
	for i := range results {
		if more, ok := kept.Rows[i]; ok {
			results[i] = more
			continue
		}
		for verdict, letter := range verdictLetters {
			if letter == kept.Verdicts[i] {
				results[i].Verdict = verdict
			}
		}
	}
	return results, kept.Created, nil
}

// Compress returns a value as compressed JSON.
func Compress(v any) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// Decompress decodes a value that was compressed.
func Decompress(text []byte, into any) error {
	r := flate.NewReader(bytes.NewReader(text))
	if err := json.NewDecoder(io.LimitReader(r, maxKept)).Decode(into); err != nil {
		return fmt.Errorf("what was kept of an import: %w", err)
	}
	return nil
}

// maxKept bounds what is kept of one transaction.
const maxKept = 1 << 28

// rowNumbers returns the numbers of the first and the last of rows.
func rowNumbers[P any](rows []ImportRow[P]) (first, last int64) {
	return rows[0].Number, rows[len(rows)-1].Number
}

// loadedBefore returns the transaction that loaded a row before the import was interrupted; false
// for none.
func (r *run) loadedBefore(number int64) (LoadedRows, bool) {
	i, found := slices.BinarySearchFunc(r.loaded, number, func(l LoadedRows, number int64) int {
		switch {
		case l.Last < number:
			return -1
		case l.First > number:
			return 1
		}
		return 0
	})
	if !found {
		return LoadedRows{}, false
	}
	return r.loaded[i], true
}

// someLoaded reports whether any of the rows was loaded before.
func someLoaded[P any](r *run, rows []ImportRow[P]) bool {
	if len(r.loaded) == 0 || len(rows) == 0 {
		return false
	}
	return slices.ContainsFunc(rows, func(row ImportRow[P]) bool {
		_, loaded := r.loadedBefore(row.Number)
		return loaded
	})
}

// resume loads those rows that were not loaded before, and returns the results of all.
func (l *loader[T, P]) resume(ctx context.Context, keyed keyedRows[P]) ([]RowResult, error) {
	var results []RowResult
	for from := 0; from < len(keyed.rows); {
		before, loaded := l.run.loadedBefore(keyed.rows[from].Number)
		to := from + 1
		for ; to < len(keyed.rows); to++ {
			if other, ok := l.run.loadedBefore(keyed.rows[to].Number); ok != loaded || other != before {
				break
			}
		}
		var some []RowResult
		var err error
		if loaded {
			some, err = l.run.replay(ctx, before, to-from)
		} else {
			some, err = l.committed(ctx, keyed.slice(from, to))
		}
		results = append(results, some...)
		if err != nil {
			return results, err
		}
		from = to
	}
	return results, nil
}

// replay returns the results of rows that were loaded before.
func (r *run) replay(ctx context.Context, before LoadedRows, rows int) ([]RowResult, error) {
	text, err := r.service.store.LoadedResults(ctx, r.by.Org, r.id, before.Batch)
	if err != nil {
		return nil, err
	}
	results, created, err := decodeLoaded(text)
	if err != nil {
		return nil, err
	}
	if len(results) != rows {
		return nil, &crm.Error{Code: crm.CodeInvalid, Message: fmt.Sprintf("The files are not those whose import was interrupted: %d rows were loaded together, which are %d now.", len(results), rows)}
	}
	for ref, list := range created {
		for _, one := range list {
			r.created.add(ref, one)
		}
	}
	return results, nil
}

// record keeps what the transaction has loaded, as part of it.
func record[P any](b *batchTx, rows []ImportRow[P], results []RowResult) error {
	if b.run.recording == nil || len(rows) == 0 {
		return nil
	}
	text, err := encodeLoaded(b, results)
	if err != nil {
		return err
	}
	first, last := rowNumbers(rows)
	return b.tx.PutImportBatch(b.ctx, ImportBatch{ImportID: b.run.id, Part: b.run.recording.Part, First: first, Last: last, Results: text})
}
