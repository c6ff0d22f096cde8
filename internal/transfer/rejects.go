package transfer

import (
	"errors"
	"os"
	"slices"
	"strconv"

	"sixty/internal/transfer/csvio"
)

// reasonColumn is the column that the file of rejected rows has beside theirs.
const reasonColumn = "reason"

// rejects is the file of rejected rows: each as it was, and why. It can be corrected
// and imported again.
type rejects struct {
	file   *os.File
	w      *csvio.Writer
	header []string
	width  int // of the rows
	at     int // the reason's place
	fields []string
}

// newRejects creates the file for rows of the inputs; nil when none is wanted.
func newRejects[P any](path string, all *inputs[P]) (*rejects, error) {
	if path == "" {
		return nil, nil
	}
	if err := all.sameHeader(); err != nil {
		return nil, err
	}
	if existing, err := os.Stat(path); err == nil {
		for _, in := range all.list {
			if info, err := os.Stat(in.source.Name); err == nil && os.SameFile(existing, info) {
				return nil, usage("--errors: %s is also a file to import; name another one", path)
			}
		}
	}
	in := all.list[0]
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // it holds customers' data
	if err != nil {
		return nil, err
	}
	header := slices.Clone(in.header)
	r := &rejects{file: file, width: len(header), at: len(header)}
	if last := len(header) - 1; header[last] == reasonColumn && slices.Contains(in.mapping.leftOut, reasonColumn) {
		r.at = last // this is such a file, corrected: its reasons are those of the last time
	} else {
		header = append(header, freeName(header))
	}
	r.header = header
	return r, nil
}

// freeName returns a name for the reason's column that no other one has.
func freeName(header []string) string {
	name := reasonColumn
	for n := 2; slices.Contains(header, name); n++ {
		name = reasonColumn + "_" + strconv.Itoa(n)
	}
	return name
}

// restart empties the file and writes the header, with the separator of the input.
func (r *rejects) restart(separator string) error {
	if err := r.file.Truncate(0); err != nil {
		return err
	}
	if _, err := r.file.Seek(0, 0); err != nil {
		return err
	}
	r.w = csvio.NewWriter(r.file)
	if len(separator) == 1 {
		r.w.Separator = separator[0]
	}
	if err := r.w.Write(r.header); err != nil {
		return err
	}
	return r.w.Flush()
}

// add writes a row. Fields that it has too many stand behind the reason, those that
// it has too few are empty.
func (r *rejects) add(record csvio.Record, reason string) error {
	r.fields = append(r.fields[:0], record.Fields[:min(r.at, len(record.Fields))]...)
	for len(r.fields) < r.at {
		r.fields = append(r.fields, "")
	}
	r.fields = append(r.fields, reason)
	if len(record.Fields) > r.width {
		r.fields = append(r.fields, record.Fields[r.width:]...)
	}
	return r.w.Write(r.fields)
}

// flush puts what was added into the file.
func (r *rejects) flush() error {
	if r.w == nil {
		return nil // nothing was begun
	}
	return r.w.Flush()
}

// close flushes and closes the file.
func (r *rejects) close() error { return errors.Join(r.flush(), r.file.Close()) }
