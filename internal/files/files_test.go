package files_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

// quota is that of the tests' organisations: more than a part of an upload to a bucket.
const quota = 40 << 20

// A place is where a test keeps contents.
type place struct {
	options files.Options
	// count returns the number of contents, complete or not.
	count func() int
}

func folderOf(t *testing.T) place {
	t.Helper()
	path := filepath.Join(t.TempDir(), "files")
	return place{files.Options{MaxBytes: quota, Folder: path}, func() int {
		n := 0
		err := filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && entry.Name() != ".place" {
				n++
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		return n
	}}
}

func bucketOf(t *testing.T) place {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("sixty"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	bucket := files.Bucket{Name: "sixty", Endpoint: strings.TrimPrefix(server.URL, "http://"), Region: "eu-west-2", AccessKey: "key", SecretKey: "secret", PathStyle: true}
	return place{files.Options{MaxBytes: quota, Bucket: bucket}, func() int {
		all, err := backend.ListBucket("sixty", nil, gofakes3.ListBucketPage{})
		if err != nil {
			t.Error(err)
		}
		return len(all.Contents)
	}}
}

// each runs a test with a folder and with a bucket.
func each(t *testing.T, test func(t *testing.T, p place, db *store.Store, s *files.Service, by crm.Actor)) {
	t.Helper()
	for name, of := range map[string]func(*testing.T) place{"Folder": folderOf, "Bucket": bucketOf} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, db := of(t), enginetest.Open(t, enginetest.SQLite)
			by := enginetest.Organisation(t, db, "Home")
			s := open(t, db, p.options)
			if err := s.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			test(t, p, db, s, by)
		})
	}
}

func open(t *testing.T, db *store.Store, o files.Options) *files.Service {
	t.Helper()
	s, err := files.NewService(db, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var csv = files.New{Purpose: files.Export, Name: "deals.csv", Media: "text/csv", Keep: time.Hour}

func writes(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// pattern writes a number of bytes.
func pattern(n int) func(io.Writer) error {
	block := strings.Repeat("0123456789abcdef", 4096)
	return func(w io.Writer) error {
		for left := n; left > 0; left -= len(block) {
			if _, err := io.WriteString(w, block[:min(left, len(block))]); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p place, _ *store.Store, s *files.Service, by crm.Actor) {
		for _, size := range []int{0, 1, 17 << 20} { // the last is two parts of an upload
			f, err := s.Create(t.Context(), by, csv, pattern(size))
			if err != nil {
				t.Fatal(err)
			}
			got, content, err := s.Open(t.Context(), by, f.ID)
			if err != nil {
				t.Fatal(err)
			}
			hash := sha256.New()
			n, err := io.Copy(hash, content)
			if err != nil || n != int64(size) || got.Size != n || got.SHA256 != hex.EncodeToString(hash.Sum(nil)) {
				t.Errorf("%d bytes of %d, %v: %+v", n, size, err, got)
			}
			part := make([]byte, 4)
			if size > 4 {
				if _, err := content.ReadAt(part, int64(size-20)); err != nil || string(part) != "cdef" {
					t.Errorf("near the end is %q, %v", part, err)
				}
				if _, err := content.Seek(17, io.SeekStart); err != nil {
					t.Error(err)
				}
				if _, err := io.ReadFull(content, part); err != nil || string(part) != "1234" {
					t.Errorf("from 17 on is %q, %v", part, err)
				}
			}
			if err := content.Close(); err != nil {
				t.Error(err)
			}
			if err := s.Remove(t.Context(), by, f.ID); err != nil {
				t.Error(err)
			}
			if _, _, err := s.Open(t.Context(), by, f.ID); crm.CodeOf(err) != crm.CodeNotFound {
				t.Errorf("after its removal: %v", err)
			}
		}
		if n := p.count(); n != 0 {
			t.Errorf("%d contents are left", n)
		}
	})
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	each(t, func(t *testing.T, p place, db *store.Store, s *files.Service, by crm.Actor) {
		after := func(size int, err error) func(io.Writer) error {
			return func(w io.Writer) error { return errors.Join(pattern(size)(w), err) }
		}
		limited, ended := csv, func(context.CancelFunc) {}
		limited.Limit = 1 << 20
		for _, c := range []struct {
			name  string
			n     files.New
			write func(io.Writer) error
			end   func(context.CancelFunc)
			is    error
			code  crm.Code
			says  string
		}{
			{"Writer", csv, after(100, broken), ended, broken, crm.CodeInternal, "broken"},
			{"WriterLate", csv, after(17<<20, broken), ended, broken, crm.CodeInternal, "broken"},
			{"WriterEndsEarly", csv, after(100, io.ErrUnexpectedEOF), ended, io.ErrUnexpectedEOF, crm.CodeInternal, "unexpected EOF"},
			{"WriterEnds", csv, after(100, io.EOF), ended, io.EOF, crm.CodeInternal, "EOF"},
			{"Limit", limited, pattern(1<<20 + 1), ended, nil, crm.CodeInvalid, "Some members are not valid: file must be at most 1 MiB"},
			{"Quota", csv, pattern(quota + 1), ended, nil, crm.CodeConflict, "The organisation's files would be larger than 40 MiB altogether. Those that expire make room."},
			{"Cancelled", csv, pattern(100), func(cancel context.CancelFunc) { cancel() }, context.Canceled, crm.CodeInternal, "context canceled"},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := s.Create(ctx, by, c.n, func(w io.Writer) error {
				c.end(cancel)
				return c.write(w)
			})
			cancel()
			if c.is != nil && !errors.Is(err, c.is) || crm.CodeOf(err) != c.code || err == nil || err.Error() != c.says {
				t.Errorf("%s: %v", c.name, err)
			}
			if n := p.count(); n != 0 {
				t.Errorf("%s: %d contents are left", c.name, n)
			}
		}
		// The row cannot be added.
		if _, err := s.Create(t.Context(), crm.Operator(crm.NewID()), csv, pattern(10)); err == nil || p.count() != 0 {
			t.Errorf("for an organisation that there is not: %v, %d contents", err, p.count())
		}
		// What is being written counts, and ends counting.
		_, err := s.Create(t.Context(), by, csv, func(w io.Writer) error {
			if err := pattern(quota)(w); err != nil {
				return err
			}
			if _, err := s.Create(t.Context(), by, csv, pattern(1)); crm.CodeOf(err) != crm.CodeConflict {
				t.Errorf("beside it: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if _, err := s.Create(t.Context(), by, csv, pattern(1)); crm.CodeOf(err) != crm.CodeConflict {
			t.Errorf("after it: %v", err)
		}
		if n := p.count(); n != 1 {
			t.Errorf("%d contents, want 1", n)
		}
		_ = db
	})
}

// TestJoined adds the row of a file in a transaction: neither is there when it fails.
func TestJoined(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p place, db *store.Store, s *files.Service, by crm.Actor) {
		f, err := s.Write(t.Context(), by, csv, writes("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), by, f.ID); crm.CodeOf(err) != crm.CodeNotFound {
			t.Errorf("before it is added: %v", err)
		}
		broken := errors.New("broken")
		var small files.File
		err = db.Atomic(t.Context(), by, 0, func(ctx context.Context) error {
			if small, err = s.Create(ctx, by, csv, writes("small")); err != nil {
				return err
			}
			if err := s.Add(ctx, by, f); err != nil {
				return err
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		for _, id := range []crm.ID{f.ID, small.ID} {
			if _, err := s.Get(t.Context(), by, id); crm.CodeOf(err) != crm.CodeNotFound {
				t.Errorf("after the transaction has failed: %v", err)
			}
		}
		if err := s.Discard(t.Context(), f); err != nil || p.count() != 1 {
			t.Errorf("%v, %d contents", err, p.count())
		}
		if err := s.Discard(t.Context(), small); err != nil || p.count() != 0 {
			t.Errorf("%v, %d contents", err, p.count())
		}
	})
}

func TestRights(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ place, _ *store.Store, s *files.Service, admin crm.Actor) {
		rep := crm.Actor{Org: admin.Org, User: crm.NewID(), Role: crm.RoleRep, SeesAll: true}
		confined, other, manager := rep, rep, rep
		confined.SeesAll, other.User, manager.Role = false, crm.NewID(), crm.RoleManager
		records, secret := csv, csv
		records.Records, secret.AdminOnly = true, true
		create := func(by crm.Actor, n files.New) crm.ID {
			t.Helper()
			f, err := s.Create(t.Context(), by, n, writes("x"))
			if err != nil {
				t.Fatal(err)
			}
			return f.ID
		}
		away := admin
		away.Org = crm.NewID()
		plain, all, own := create(rep, csv), create(rep, records), create(confined, records)
		promoted := rep
		promoted.Role = crm.RoleAdmin
		audit := create(promoted, secret)
		for _, c := range []struct {
			name string
			by   crm.Actor
			id   crm.ID
			want crm.Code
		}{
			{"Plain", rep, plain, ""},
			{"Own", confined, own, ""},
			{"SeesMoreNow", manager, own, ""},
			{"SeesAll", rep, all, ""},
			{"SeesLessNow", confined, all, crm.CodeForbidden},
			{"NoRecords", confined, plain, ""},
			{"Admin", admin, own, ""},
			{"Other", other, plain, crm.CodeNotFound},
			{"OtherOrganisation", away, plain, crm.CodeNotFound},
			{"AdminOnly", promoted, audit, ""},
			{"AdminNoLonger", rep, audit, crm.CodeForbidden},
		} {
			_, content, err := s.Open(t.Context(), c.by, c.id)
			if crm.CodeOf(err) != c.want {
				t.Errorf("%s: %v", c.name, err)
			}
			if err == nil {
				_ = content.Close()
			} else if err := s.Remove(t.Context(), c.by, c.id); crm.CodeOf(err) != "" && crm.CodeOf(err) != c.want {
				t.Errorf("%s: its removal: %v", c.name, err)
			}
		}
		if _, err := s.Get(t.Context(), admin, plain); err != nil {
			t.Errorf("another person removed it: %v", err)
		}
	})
}

func TestRemoveExpired(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p place, db *store.Store, s *files.Service, by crm.Actor) {
		ctx := t.Context()
		now, err := db.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		create := func(keep time.Duration) files.File {
			n := csv
			n.Keep = keep
			f, err := s.Create(ctx, by, n, writes("x"))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		expired, kept := create(-time.Hour), create(100*24*time.Hour)
		if _, err := s.Get(ctx, by, expired.ID); crm.CodeOf(err) != crm.CodeGone {
			t.Errorf("an expired file: %v", err)
		}
		orphan, err := s.Write(ctx, by, csv, writes("x"))
		if err != nil {
			t.Fatal(err)
		}
		missing := create(100 * 24 * time.Hour)
		if err := s.Discard(ctx, missing); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Open(ctx, by, missing.ID); crm.CodeOf(err) != crm.CodeGone {
			t.Errorf("a file whose content is missing: %v", err)
		}
		remove := func(at time.Duration, limit int, want int64, contents int) {
			t.Helper()
			n, err := s.RemoveExpired(ctx, now+crm.Instant(at.Microseconds()), limit)
			if err != nil || n != want || p.count() != contents {
				t.Errorf("%d removed, want %d; %d contents, want %d: %v", n, want, p.count(), contents, err)
			}
		}
		const day = 24 * time.Hour
		remove(0, 0, 0, 3)
		remove(0, 1, 1, 2) // the content that has expired; the others are too new
		if _, err := s.Get(ctx, by, expired.ID); crm.CodeOf(err) != crm.CodeGone {
			t.Errorf("a file whose content is removed: %v", err)
		}
		remove(2*day, 1, 1, 1) // the content without a row
		remove(2*day, 1, 1, 1) // the row without a content
		remove(2*day, 100, 0, 1)
		remove(32*day, 100, 1, 1) // the row of what has expired
		for _, id := range []crm.ID{expired.ID, missing.ID, orphan.ID} {
			if _, err := s.Get(ctx, by, id); crm.CodeOf(err) != crm.CodeNotFound {
				t.Errorf("what was removed: %v", err)
			}
		}
		if _, content, err := s.Open(ctx, by, kept.ID); err != nil {
			t.Error(err)
		} else {
			_ = content.Close()
		}
	})
}

// TestPlace: a folder has a name, which instances with the same one share. What is in another
// folder is not served.
func TestPlace(t *testing.T) {
	t.Parallel()
	db := enginetest.Open(t, enginetest.SQLite)
	by := enginetest.Organisation(t, db, "Home")
	here, there := folderOf(t).options, folderOf(t).options
	one, same, other := open(t, db, here), open(t, db, here), open(t, db, there)
	if one.Place() == "" || one.Place() != same.Place() || one.Place() == other.Place() {
		t.Errorf("the names of the folders are %q, %q and %q", one.Place(), same.Place(), other.Place())
	}
	f, err := one.Create(t.Context(), by, csv, writes("x"))
	if err != nil {
		t.Fatal(err)
	}
	_, content, err := same.Open(t.Context(), by, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	_ = content.Close()
	var e *crm.Error
	if _, _, err := other.Open(t.Context(), by, f.ID); !errors.As(err, &e) || e.Code != crm.CodeUnavailable || e.Reason != "file.elsewhere" {
		t.Errorf("from another folder: %v", err)
	}
	now, err := db.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	later := now + crm.Instant((48 * time.Hour).Microseconds())
	if n, err := other.RemoveExpired(t.Context(), later, 10); err != nil || n != 0 {
		t.Errorf("%d removed, %v: it is not the business of another folder", n, err)
	}
	for path, want := range map[string]fs.FileMode{here.Folder: fs.ModeDir | 0o700, filepath.Join(here.Folder, by.Org.String()): fs.ModeDir | 0o700, filepath.Join(here.Folder, by.Org.String(), f.ID.String()): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	begun := filepath.Join(here.Folder, by.Org.String(), crm.NewID().String()+".part")
	if err := os.WriteFile(begun, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := one.RemoveExpired(t.Context(), now, 10); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(begun); err != nil {
		t.Errorf("what is being written was removed: %v", err)
	}
	if _, err := one.RemoveExpired(t.Context(), later, 10); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(begun); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was begun long before: %v", err)
	}
}

func TestNoPlace(t *testing.T) {
	t.Parallel()
	db := enginetest.Open(t, enginetest.SQLite)
	by := enginetest.Organisation(t, db, "Home")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]files.Options{
		"Folder": {MaxBytes: quota, Folder: filepath.Join(file, "files")},
		"Bucket": {MaxBytes: quota, Bucket: files.Bucket{Name: "sixty", Endpoint: "127.0.0.1:1", Region: "eu-west-2", AccessKey: "key", SecretKey: "secret", PathStyle: true}},
		"Full":   {MaxBytes: quota, Folder: "/dev/full"},
	} {
		s := open(t, db, o)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := s.Ready(ctx); crm.CodeOf(err) != crm.CodeUnavailable || s.Place() != "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Create(ctx, by, csv, writes("x")); crm.CodeOf(err) != crm.CodeUnavailable || strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	db := enginetest.Open(t, enginetest.SQLite)
	by := enginetest.Organisation(t, db, "Home")
	s := open(t, db, folderOf(t).options)
	for given, want := range map[string]string{
		"deals.csv": "deals.csv", "../../etc/passwd": "passwd", `C:\deals.csv`: "deals.csv", "": "file", "..": "file", "a\r\nb\x00\u202e.csv": "ab.csv",
		strings.Repeat("長", 100): strings.Repeat("長", 66), "Geschäft.csv": "Geschäft.csv",
	} {
		n := csv
		n.Name = given
		f, err := s.Create(t.Context(), by, n, writes("x"))
		if err != nil || f.Name != want {
			t.Errorf("%q: %q, %v", given, f.Name, err)
		}
		if d := f.Disposition(); !strings.HasPrefix(d, "attachment; filename") {
			t.Errorf("%q: %q", given, d)
		}
	}
}
