package files

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"sixty/internal/crm"
)

// Options say how files are kept.
type Options struct {
	// MaxBytes bounds the size of all files of an organisation.
	MaxBytes int64
	// Folder is where the contents are, unless there is a Bucket.
	Folder string
	Bucket Bucket
}

// Service keeps files. It is safe for concurrent use.
type Service struct {
	store    Store
	contents contents
	max      int64

	mu      sync.Mutex
	writing map[crm.ID]int64 // the bytes of an organisation's files that are being written
}

// NewService returns a service. The folder is made when it is first used; see Ready.
func NewService(store Store, o Options) (*Service, error) {
	s := &Service{store: store, max: o.MaxBytes, writing: map[crm.ID]int64{}}
	if o.Bucket.Name == "" {
		s.contents = &folder{path: o.Folder}
		return s, nil
	}
	b, err := openBucket(o.Bucket)
	s.contents = b
	return s, err
}

// Ready returns an error if no file can be kept now: the folder cannot be made, or the bucket not be
// reached.
func (s *Service) Ready(ctx context.Context) error { return s.contents.ready(ctx) }

// Place returns the name of the folder, which instances with the same folder share; "" for a bucket,
// and for a folder that cannot be made. It is for jobs.NewJob.Place: such a job runs where the file is.
func (s *Service) Place() string { return s.contents.place() }

// Create makes a file of what write writes: the content first, then its row, which is part of the
// transaction that the context has joined, if any. Nothing is left when either fails. An error of
// write is returned as it is. CodeInvalid beyond the limit, CodeConflict beyond the organisation's
// quota, CodeUnavailable when there is no room. Do not make a long content while a
// transaction waits: see Write.
func (s *Service) Create(ctx context.Context, by crm.Actor, n New, write func(io.Writer) error) (File, error) {
	f, err := s.Write(ctx, by, n, write)
	if err != nil {
		return File{}, err
	}
	if err := s.Add(ctx, by, f); err != nil {
		return File{}, errors.Join(err, s.Discard(ctx, f))
	}
	return f, nil
}

// Write makes the content of a file that Add is to add, in the transaction that needs it, and
// otherwise Discard to remove. Errors are those of Create.
func (s *Service) Write(ctx context.Context, by crm.Actor, n New, write func(io.Writer) error) (File, error) {
	used, now, err := s.store.FilesSize(ctx, by.Org)
	if err != nil {
		return File{}, err
	}
	m := &meter{ctx: ctx, service: s, org: by.Org, used: used, limit: n.Limit, hash: sha256.New()}
	defer m.end()
	f := File{
		OrgID: by.Org, ID: crm.NewID(), Purpose: n.Purpose, Name: cleanName(n.Name), Media: cmp.Or(n.Media, "application/octet-stream"),
		ActorID: by.UserID(), SeesAll: n.Records && by.OwnerScope() == nil, AdminOnly: n.AdminOnly,
		CreatedAt: now, ExpiresAt: now + crm.Instant(n.Keep.Microseconds()),
	}
	if place := s.contents.place(); place != "" {
		f.Place = &place
	}
	err = s.contents.put(ctx, f.OrgID, f.ID, func(w io.Writer) error {
		m.to = w
		if err := write(m); err != nil {
			return err
		}
		return m.failed
	})
	switch {
	case m.failed != nil: // rather than what write made of it
		return File{}, m.failed
	case err != nil:
		return File{}, err
	}
	f.Size, f.SHA256 = m.size, hex.EncodeToString(m.hash.Sum(nil))
	return f, nil
}

// Add adds the row of a file that was written, if the quota still allows it.
func (s *Service) Add(ctx context.Context, by crm.Actor, f File) error {
	used, _, err := s.store.FilesSize(ctx, by.Org)
	if err != nil {
		return err
	}
	if used+f.Size > s.max {
		return s.overQuota()
	}
	return s.store.InsertFile(ctx, by, f)
}

// Discard removes the content of a file that was written and not added, also after ctx has ended.
func (s *Service) Discard(ctx context.Context, f File) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	return s.contents.remove(ctx, f.OrgID, f.ID)
}

// cleanUpTimeout bounds the removal of what is of no use.
const cleanUpTimeout = 10 * time.Second

// Get returns what is known of a file, if the actor may have it: CodeNotFound if there is none,
// or it is another person's and the actor no admin; CodeForbidden if the actor sees less than the
// file shows; CodeGone after it has expired.
func (s *Service) Get(ctx context.Context, by crm.Actor, id crm.ID) (File, error) {
	f, err := s.store.File(ctx, by.Org, id)
	if err != nil {
		return File{}, err
	}
	if err := f.check(by); err != nil {
		return File{}, err
	}
	if f.Expired {
		return File{}, gone()
	}
	return f, nil
}

// check returns an error if the actor may not have the file.
func (f *File) check(by crm.Actor) error {
	admin := by.Role == crm.RoleAdmin
	switch {
	case !admin && (f.ActorID == nil || *f.ActorID != by.User):
		return crm.NotFound(Entity)
	case f.AdminOnly && !admin:
		return crm.Forbidden("The file shows what only admins may read, and you no longer are one.")
	case f.SeesAll && by.OwnerScope() != nil:
		return crm.Forbidden("The file shows records of all owners, and by now you see only your own. Make a new one.")
	}
	return nil
}

// Open returns a file with its content: errors are those of Get, and CodeUnavailable with the reason
// file.elsewhere if the content is in another instance's folder.
func (s *Service) Open(ctx context.Context, by crm.Actor, id crm.ID) (File, Content, error) {
	f, err := s.Get(ctx, by, id)
	if err != nil {
		return File{}, nil, err
	}
	if !s.has(f) {
		return File{}, nil, &crm.Error{Code: crm.CodeUnavailable, Reason: "file.elsewhere",
			Message: "The file is in the folder of another instance. The instances must share a folder or a bucket to serve each other's files."}
	}
	content, err := s.contents.open(ctx, f.OrgID, f.ID, f.Size)
	switch {
	case errors.Is(err, errMissing):
		return File{}, nil, gone()
	case err != nil:
		return File{}, nil, err
	}
	return f, content, nil
}

// has reports whether the content of a file is where this instance has its own.
func (s *Service) has(f File) bool {
	place := ""
	if f.Place != nil {
		place = *f.Place
	}
	return place == s.contents.place()
}

// Remove removes a file, if there is one: who may open it may remove it. It must not be part of a transaction.
func (s *Service) Remove(ctx context.Context, by crm.Actor, id crm.ID) error {
	f, err := s.store.File(ctx, by.Org, id)
	if crm.CodeOf(err) == crm.CodeNotFound {
		return nil
	}
	if err == nil {
		err = f.check(by)
	}
	if err == nil {
		err = s.store.DeleteFile(ctx, by, id)
	}
	if err != nil || !s.has(f) { // that of another folder is removed there, for it has no row
		return err
	}
	return s.contents.remove(ctx, f.OrgID, f.ID)
}

func gone() error { return &crm.Error{Code: crm.CodeGone, Message: "The file is no longer kept."} }

var errMissing = errors.New("the content of the file is missing")

// unavailable says that contents cannot be read or written.
func unavailable(cause error) error {
	return &crm.Error{Code: crm.CodeUnavailable, Message: "The files cannot be read or written at the moment. Try again shortly.", Cause: cause}
}

// full says that there is no room for a content.
func full(cause error) error {
	return &crm.Error{Code: crm.CodeUnavailable, Reason: "files.full", Message: "The disk of the files is full: nothing can be written until there is room.", Cause: cause}
}

// overQuota says that an organisation has too much. It is no fault that passes by itself soon.
func (s *Service) overQuota() error {
	return &crm.Error{Code: crm.CodeConflict, Reason: "files.quota",
		Message: fmt.Sprintf("The organisation's files would be larger than %s altogether. Those that expire make room.", shownBytes(s.max))}
}

// shownBytes returns a size with a unit.
func shownBytes(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[unit]
}

// meter counts and digests what is written, and bounds it.
type meter struct {
	ctx     context.Context
	service *Service
	org     crm.ID
	used    int64 // by other files
	limit   int64
	hash    hash.Hash
	to      io.Writer
	size    int64
	counted int64 // in service.writing
	failed  error // of the content, or a bound; an error of write itself is none
}

// Write implements io.Writer.
func (m *meter) Write(p []byte) (int, error) {
	if m.failed == nil {
		m.failed = m.check(int64(len(p)))
	}
	if m.failed != nil {
		return 0, m.failed
	}
	n, err := m.to.Write(p)
	m.size += int64(n)
	m.hash.Write(p[:n])
	m.failed = err
	return n, err
}

// check counts bytes that are to be written, unless a bound is reached.
func (m *meter) check(n int64) error {
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	if m.limit > 0 && m.size+n > m.limit {
		return crm.Invalid(crm.FieldError{Field: Entity, Message: "must be at most " + shownBytes(m.limit)})
	}
	s := m.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.used+s.writing[m.org]+n > s.max {
		return s.overQuota()
	}
	s.writing[m.org] += n
	m.counted += n
	return nil
}

// end stops counting.
func (m *meter) end() {
	s := m.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing[m.org] -= m.counted; s.writing[m.org] <= 0 {
		delete(s.writing, m.org)
	}
}

// maxName bounds the name of a file, in bytes.
const maxName = 200

// cleanName returns a name that is one on every system: without folders and control characters.
func cleanName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"<>:|?*`, r) {
			return -1
		}
		return r
	}, name)
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	name = strings.Trim(name, ". ")
	return cmp.Or(name, "file")
}

// Disposition returns the Content-Disposition of a download (RFC 6266).
func (f *File) Disposition() string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": f.Name})
}
