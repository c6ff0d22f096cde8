package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
	"sixty/internal/transfer/table"
)

// A survey reads all files before the first row of them is loaded. It learns what no single
// row tells: how the cells of each column are written, and which rows repeat the key of
// another one. Memory is bounded by 32 bytes a row.
type survey[P any] struct {
	kind    Kind
	keys    []crm.Key
	keyOf   bulk.KeyOf[P]
	fields  *fields[P]
	reading *reading
	notices *notices

	row     uint32       // number of the record that is read, over all files
	content maphash.Hash // of all records
	rows    []keyedRow
	// outcomes of stages that rows tell, by NameKey; "" where rows differ.
	outcomes map[string]crm.Outcome
}

// keyedRow is a row by a digest of its key.
type keyedRow struct {
	digest [2]uint64
	row    uint32
	line   uint32
	file   uint32
}

// repeat is a row that repeats the key of another one, which is loaded instead.
type repeat struct {
	row, line, file uint32 // the row, and where the other one is
}

// maxRows is how many rows an import can have.
const maxRows = 1<<32 - 1

// readAll surveys the files, and sets how the cells of each are read.
func (s *survey[P]) readAll(ctx context.Context, list []*input[P]) error {
	for i, in := range list {
		if err := in.open(ctx); err != nil {
			return err
		}
		err := s.read(ctx, uint32(i), in)
		if closeErr := in.close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// typed is a field whose cells say how they are written.
type typed[P any] struct {
	binding *binding[P]
	survey  *cells.Survey
}

func (s *survey[P]) read(ctx context.Context, file uint32, in *input[P]) error {
	in.facts = in.reader.Facts()
	fields := s.typedFields(in)
	for {
		if s.row%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		record, err := in.reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", in.source.Name, err)
		}
		if s.row == maxRows {
			return usage("an import can have at most %d rows", maxRows)
		}
		row := s.row
		s.row++
		digest(&s.content, record)
		if record.Err != nil || in.mapping.skips(record.Fields) {
			continue
		}
		for _, f := range fields {
			f.survey.Observe(f.binding.cell(record.Fields), record.Line)
		}
		s.observeOutcome(in, record.Fields)
		s.note(file, row, record.Line, s.fields.parseKeys(in.mapping, record.Fields))
	}
	var notes []columnNote
	for _, f := range fields {
		f.binding.reader, f.binding.format = f.survey.Reader(), f.survey.Format()
		for _, note := range f.survey.Notes() {
			notes = addNote(notes, note, in.namesOf(f.binding))
		}
	}
	for _, n := range notes {
		s.notices.tell(Notice{File: in.source.Name, Text: fmt.Sprintf("%s: %s", quoted(n.columns), n.Text), Count: n.Count, Lines: n.Lines})
	}
	in.facts = in.reader.Facts() // with all notes
	for _, note := range in.facts.Notes {
		s.notices.tell(Notice{File: in.source.Name, Text: note.Text, Count: note.Count, Lines: note.First})
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(in.mapping.twice))) {
		s.notices.tell(Notice{File: in.source.Name, Text: fmt.Sprintf("several columns are called %q and are left out (--map %q maps one of them)", name, name+"#1=FIELD")})
	}
	return nil
}

// columnNote is a note that all of its columns share.
type columnNote struct {
	cells.Note
	columns []string
}

// addNote adds the note of some columns to the others of its text.
func addNote(notes []columnNote, note cells.Note, columns []string) []columnNote {
	i := slices.IndexFunc(notes, func(n columnNote) bool { return n.Text == note.Text })
	if i < 0 {
		return append(notes, columnNote{note, columns})
	}
	n := &notes[i]
	if slices.Equal(n.columns, columns) {
		return notes // which are read into two fields
	}
	n.Count += note.Count
	n.Lines = slices.Compact(slices.Sorted(slices.Values(slices.Concat(n.Lines, note.Lines))))
	for _, column := range columns {
		if !slices.Contains(n.columns, column) {
			n.columns = append(slices.Clip(n.columns), column)
		}
	}
	return notes
}

// digest adds a record to the digest of all.
func digest(content *maphash.Hash, record table.Record) {
	_, _ = content.WriteString(record.Raw) // never fails
	_ = content.WriteByte('\n')
}

// typedFields returns the fields of a file whose cells say how they are written. All fields
// get a reader for the time of the survey.
func (s *survey[P]) typedFields(in *input[P]) (fields []typed[P]) {
	for i := range in.mapping.bindings {
		b := &in.mapping.bindings[i]
		opt := s.reading.options(in.table, b.field.name, in.namesOf(b))
		if b.guarded = in.facts.Format == table.CSV; !b.guarded {
			opt.Decimal = 0 // the numbers of other formats have a point
		}
		b.reader = cells.NewReader(b.field.kind, opt)
		if b.field.kind != cells.Text && b.field.kind != cells.Enum && b.field.kind != cells.Bool {
			fields = append(fields, typed[P]{b, cells.NewSurvey(b.field.kind, opt)})
		}
	}
	return fields
}

// observeOutcome notes what a row says of the outcome of its stage.
func (s *survey[P]) observeOutcome(in *input[P], record []string) {
	if in.mapping.layout == nil || s.kind != Deals {
		return
	}
	outcome := in.mapping.layout.Outcome(record)
	if outcome == "" {
		return
	}
	for i := range in.mapping.bindings {
		if b := &in.mapping.bindings[i]; b.field.name == string(bulk.RefStage) {
			name := crm.NameKey(b.cell(record))
			if s.outcomes == nil {
				s.outcomes = map[string]crm.Outcome{}
			}
			switch known, ok := s.outcomes[name]; {
			case ok && known != outcome:
				s.outcomes[name] = "" // rows contradict each other: the name decides
			case !ok && len(s.outcomes) < maxStages:
				s.outcomes[strings.Clone(name)] = outcome // it may be a part of its record
			}
		}
	}
}

// maxStages bounds the stages whose outcomes rows tell.
const maxStages = 1000

// addOutcomes adds the outcomes of stages that the rows tell to those that are stated.
func (s *survey[P]) addOutcomes(stated map[string]crm.Outcome) {
	known := map[string]bool{}
	for name := range stated {
		known[crm.NameKey(name)] = true
	}
	for name, outcome := range s.outcomes {
		if outcome != "" && !known[name] {
			stated[name] = outcome
		}
	}
}

// note notes the key of a row.
func (s *survey[P]) note(file, row uint32, line int, parsed *bulk.ImportRow[P]) {
	key, value := s.keyOf(s.keys, parsed)
	if value == "" {
		return
	}
	sum := sha256.Sum256([]byte(string(key) + "\x00" + value))
	s.rows = append(s.rows, keyedRow{
		[2]uint64{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}, row, uint32(line), file,
	})
}

// repeats returns the rows that are not loaded because they repeat a key, in their order. Of
// rows with one key the first is loaded, or the last.
func (s *survey[P]) repeats(last bool) (list []repeat) {
	slices.SortFunc(s.rows, func(a, b keyedRow) int {
		return cmp.Or(cmp.Compare(a.digest[0], b.digest[0]), cmp.Compare(a.digest[1], b.digest[1]), cmp.Compare(a.row, b.row))
	})
	for from := 0; from < len(s.rows); {
		to := from + 1
		for to < len(s.rows) && s.rows[to].digest == s.rows[from].digest {
			to++
		}
		loaded := from
		if last {
			loaded = to - 1
		}
		for i := from; i < to; i++ {
			if i != loaded {
				list = append(list, repeat{s.rows[i].row, s.rows[loaded].line, s.rows[loaded].file})
			}
		}
		from = to
	}
	s.rows = nil
	slices.SortFunc(list, func(a, b repeat) int { return cmp.Compare(a.row, b.row) })
	return list
}
