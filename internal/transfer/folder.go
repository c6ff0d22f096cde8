package transfer

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
	"sixty/internal/transfer/table"
)

// FolderSummary is what the import of a folder did.
type FolderSummary struct {
	Counts                    // of all files
	Imports     []KindSummary `json:"imports"`
	Ignored     []Ignored     `json:"ignored"`
	Consistency string        `json:"consistency,omitempty"`
}

// KindSummary is what the import of the files of one layout did.
type KindSummary struct {
	Kind Kind `json:"kind"`
	Summary
}

// Ignored is a file that was not imported.
type Ignored struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// folderOrder is the order in which kinds are imported: records come before those that refer
// to them, whatever the files are called.
var folderOrder = []Kind{Stages, Owners, Companies, Contacts, Deals, Activities, Tasks}

// part is a file, or a sheet of a workbook, with its layout.
type part struct {
	source Source
	header []string
	sheet  string
	preset *preset.Preset
	layout *preset.Table
}

// ImportFolder imports files of several kinds, such as the exports of another system: those
// named, and all those in the folders named. Their kinds are recognised by their columns, and
// they are imported in the order in which they refer to each other. Options.Kind is ignored,
// and Options.Errors is a folder, with one file of rejected rows for each import. Errors are
// those of Import; a *UsageError, too, if no file is recognised.
func ImportFolder(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options, paths ...string) (s FolderSummary, err error) {
	files, ignored, err := listFiles(paths)
	if err != nil {
		return FolderSummary{}, err
	}
	sources := make([]Source, len(files))
	for i, path := range files {
		if sources[i], err = File(path); err != nil {
			return FolderSummary{}, err
		}
	}
	return importFiles(ctx, service, by, opt, sources, ignored)
}

// ImportFiles is ImportFolder for sources, which can be opened more than once.
func ImportFiles(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options, sources ...Source) (FolderSummary, error) {
	return importFiles(ctx, service, by, opt, sources, nil)
}

// Check returns what is wrong with the options, or with the headers of the sources, as Import and, for
// files of AnyKind, ImportFiles would. Nothing is imported.
func Check(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options, sources ...Source) error {
	if opt.Kind != AnyKind {
		opt.checkOnly = true
		_, err := Import(ctx, service, by, opt, sources...)
		return err
	}
	parts, _, err := findParts(ctx, opt, sources, nil)
	if err != nil {
		return err
	}
	return check(ctx, service, by, groups(opt, parts))
}

func importFiles(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options, sources []Source, ignored []Ignored) (s FolderSummary, err error) {
	parts, ignored, err := findParts(ctx, opt, sources, ignored)
	if err != nil {
		return FolderSummary{}, err
	}
	if err := opt.describe(ctx, sources); err != nil {
		return FolderSummary{}, err
	}
	list := groups(opt, parts)
	if err := check(ctx, service, by, list); err != nil {
		return FolderSummary{}, err
	}
	if opt.Errors != "" {
		if err := os.MkdirAll(opt.Errors, 0o700); err != nil { // it holds customers' data
			return FolderSummary{}, usage("--errors %v", err)
		}
	}
	all := func(service *bulk.Service) error {
		s = FolderSummary{Imports: []KindSummary{}, Ignored: ignored}
		return importAll(ctx, service, by, list, &s)
	}
	if opt.DryRun {
		// In one transaction, so that records refer to those that would have been created.
		err = service.DryRun(ctx, by, all)
		return s, err
	}
	err = all(service)
	return s, err
}

// together are the parts that are imported together, and how.
type together struct {
	opt     Options
	sources []Source
}

// groups puts the parts of one layout together. Rejected rows of files with different columns
// cannot stand in one file.
func groups(opt Options, parts []part) (list []together) {
	for len(parts) > 0 {
		first, n := parts[0], 1
		for n < len(parts) && parts[n].layout == first.layout && parts[n].sheet == first.sheet &&
			(opt.Errors == "" || slices.Equal(parts[n].header, first.header)) {
			n++
		}
		g := together{opt: opt}
		g.opt.part = len(list)
		g.opt.Kind, g.opt.From, g.opt.Preset, g.opt.Sheet = Kind(first.layout.Kind), "", first.preset, first.sheet
		if opt.Errors != "" {
			g.opt.Errors = filepath.Join(opt.Errors, rejectsName(len(list), first))
		}
		if g.opt.Kind != Deals {
			g.opt.StageOutcomes = nil
		}
		for _, p := range parts[:n] {
			g.sources = append(g.sources, p.source)
		}
		list = append(list, g)
		parts = parts[n:]
	}
	for i := range list {
		list[i].opt.parts = len(list)
	}
	return list
}

// check returns what is wrong with the use of the groups, so that it does not show halfway.
func check(ctx context.Context, service *bulk.Service, by crm.Actor, list []together) error {
	for _, g := range list {
		g.opt.checkOnly = true
		if _, err := Import(ctx, service, by, g.opt, g.sources...); err != nil {
			return inGroup(g, err)
		}
	}
	return nil
}

func inGroup(g together, err error) error { return fmt.Errorf("%s: %w", g.sources[0].Name, err) }

// importAll imports groups in turn.
func importAll(ctx context.Context, service *bulk.Service, by crm.Actor, list []together, s *FolderSummary) error {
	for _, g := range list {
		did, err := Import(ctx, service, by, g.opt, g.sources...)
		s.Imports = append(s.Imports, KindSummary{g.opt.Kind, did})
		s.add(did.Counts)
		if did.Consistency != "" {
			s.Consistency = did.Consistency
		}
		if err != nil {
			return inGroup(g, err)
		}
	}
	return nil
}

// rejectsName is the name of the file of an import's rejected rows.
func rejectsName(n int, p part) string {
	base := filepath.Base(p.source.Name)
	return fmt.Sprintf("%02d-%s-%s.csv", n+1, p.layout.Kind, strings.TrimSuffix(base, filepath.Ext(base)))
}

func (s *FolderSummary) add(c Counts) {
	s.Read += c.Read
	s.Created += c.Created
	s.Updated += c.Updated
	s.Unchanged += c.Unchanged
	s.Rejected += c.Rejected
	s.Skipped += c.Skipped
}

// The bounds of a folder.
const (
	maxFiles  = 1000
	maxSheets = 100
)

// findParts recognises the files, and brings them into the order of their import.
func findParts(ctx context.Context, opt Options, sources []Source, passedOver []Ignored) (parts []part, ignored []Ignored, err error) {
	own, err := opt.preset()
	if err != nil {
		return nil, nil, err
	}
	if opt.From == noPreset {
		return nil, nil, usage("--from none: files of several kinds are recognised by a preset")
	}
	ignored = passedOver
	for _, source := range sources {
		sheets := []string{opt.Sheet}
		if opt.Sheet == "" {
			found, err := table.Sheets(ctx, source)
			if err == nil && len(found) > 0 {
				sheets = found[:min(len(found), maxSheets)]
			}
		}
		for _, sheet := range sheets {
			p, reason := recognise(ctx, opt, own, source, sheet)
			if reason != "" {
				name := source.Name
				if sheet != "" {
					name += ", sheet " + sheet
				}
				ignored = append(ignored, Ignored{name, reason})
				continue
			}
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return nil, nil, usage("no file is recognised: %s", ignoredText(ignored))
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(
			cmp.Compare(slices.Index(folderOrder, Kind(a.layout.Kind)), slices.Index(folderOrder, Kind(b.layout.Kind))),
			cmp.Compare(a.preset.Name, b.preset.Name), cmp.Compare(a.preset.Place(a.layout), b.preset.Place(b.layout)), cmp.Compare(a.sheet, b.sheet),
		)
	})
	return parts, ignored, nil
}

// recognise returns a file with its layout, or says why it has none.
func recognise(ctx context.Context, opt Options, own *preset.Preset, source Source, sheet string) (part, string) {
	options := opt.tableOptions()
	options.Sheet = sheet
	reader, err := table.Open(ctx, source, options)
	if err != nil {
		return part{}, strings.TrimPrefix(err.Error(), source.Name+": ")
	}
	header := slices.Clone(reader.Header())
	if err := reader.Close(); err != nil {
		return part{}, err.Error()
	}
	p := part{source: source, header: header, sheet: sheet, preset: own}
	name := source.Name
	if sheet != "" {
		name = sheet
	}
	if own != nil {
		p.layout = own.Recognise(header, name)
	} else {
		p.preset, p.layout = preset.Guess(header, name)
	}
	if p.layout == nil {
		return part{}, "its columns are those of no known layout: " + quoted(header)
	}
	return p, ""
}

// notRegular is why pipes and devices are not imported: they can be read only once, and are
// recognised before they are imported.
const notRegular = "it is no regular file"

// listFiles lists files in the order of their names.
func listFiles(paths []string) (files []string, ignored []Ignored, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, nil, usage("%v", err)
		}
		switch {
		case info.IsDir():
		case info.Mode().IsRegular():
			files = append(files, path)
			continue
		default:
			ignored = append(ignored, Ignored{path, notRegular})
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, nil, usage("%v", err)
		}
		for _, e := range entries {
			name := filepath.Join(path, e.Name())
			switch info, err := os.Stat(name); {
			case strings.HasPrefix(e.Name(), "."):
			case err != nil:
				return nil, nil, usage("%v", err)
			case info.Mode().IsRegular():
				files = append(files, name)
			default:
				ignored = append(ignored, Ignored{name, notRegular})
			}
		}
	}
	if len(files) > maxFiles {
		return nil, nil, usage("there are %d files; at most %d are imported at once", len(files), maxFiles)
	}
	return files, ignored, nil
}

func ignoredText(ignored []Ignored) string {
	if len(ignored) == 0 {
		return "there is none"
	}
	texts := make([]string, 0, len(ignored))
	for _, i := range ignored[:min(len(ignored), 10)] {
		texts = append(texts, i.Name+" "+i.Reason)
	}
	return strings.Join(texts, "; ")
}
