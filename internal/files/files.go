// Package files keeps files: what imports read, and what exports and reports make. The content of
// a file is in a folder or in an S3-compatible bucket; its row says what it is, who may have it,
// and until when.
//
// A content is complete before its row is added, and a row without a content, or a content without a
// row, is removed after a day.
package files

import (
	"context"
	"io"
	"time"

	"sixty/internal/crm"
)

// Entity is the name of files in the API.
const Entity = "file"

// A Purpose is what a file is for.
type Purpose string

// The purposes.
const (
	Upload  Purpose = "upload"  // to be imported
	Rejects Purpose = "rejects" // the rows that an import rejected
	Export  Purpose = "export"
	Report  Purpose = "report"
)

// A File is a file of an organisation.
type File struct {
	OrgID, ID crm.ID
	Purpose   Purpose
	Name      string // as it is downloaded
	Media     string // its media type
	Size      int64  // in bytes
	SHA256    string // of its content, in hexadecimal
	Place     *string
	ActorID   *crm.ID // the user for which it was made; nil for the command line
	// SeesAll: it shows records of all owners, so that only those may have it who see these.
	SeesAll bool
	// AdminOnly: only admins may have it.
	AdminOnly bool
	CreatedAt crm.Instant
	ExpiresAt crm.Instant
	Expired   bool // by the storage's clock, when it was read
}

// New is a file to be made.
type New struct {
	Purpose Purpose
	Name    string
	Media   string
	// Keep is how long it is kept.
	Keep time.Duration
	// Limit bounds its size in bytes: crm.CodeInvalid beyond. 0: only the organisation's quota does.
	Limit int64
	// Records: it shows records as its actor sees them.
	Records   bool
	AdminOnly bool
}

// Content is the content of a file. Close must follow.
type Content interface {
	io.ReadSeeker
	io.ReaderAt
	io.Closer
}

// Store is what files need of storage. Errors are those of crm.Store. What is read or written with a
// context that has joined a transaction is part of it.
type Store interface {
	InsertFile(ctx context.Context, by crm.Actor, f File) error
	// File returns one, also if it has expired; CodeNotFound.
	File(ctx context.Context, org, id crm.ID) (File, error)
	// FilesSize returns the size of an organisation's files that have not expired, and the storage's time.
	FilesSize(ctx context.Context, org crm.ID) (size int64, now crm.Instant, err error)
	// DeleteFile removes the row of one. It must not be part of a transaction: the content is removed
	// after it.
	DeleteFile(ctx context.Context, by crm.Actor, id crm.ID) error
	// Files returns those of an organisation by id, after one, at most limit.
	Files(ctx context.Context, org, after crm.ID, limit int) ([]File, error)
	// FilesByID returns those of the ids that there are.
	FilesByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]File, error)
	// PruneFiles removes rows of files that expired before an instant, at most limit.
	PruneFiles(ctx context.Context, before crm.Instant, limit int) (int64, error)
	// OrganisationIDs returns all organisations.
	OrganisationIDs(ctx context.Context) ([]crm.ID, error)
}

// contents is where the contents of files are.
type contents interface {
	// place is the name of a folder, which only some instances have; "" for what all have.
	place() string
	// ready returns an error if nothing can be kept now.
	ready(ctx context.Context) error
	// put keeps what write writes. Nothing is left when either fails.
	put(ctx context.Context, org, id crm.ID, write func(io.Writer) error) error
	// open opens a content of a size; errMissing if there is none.
	open(ctx context.Context, org, id crm.ID, size int64) (Content, error)
	has(ctx context.Context, org, id crm.ID) (bool, error)
	// remove removes a content, if there is one.
	remove(ctx context.Context, org, id crm.ID) error
	// list calls each with the contents of an organisation, until it returns false.
	list(ctx context.Context, org crm.ID, each func(kept) bool) error
	// removeBegun removes what was begun before an instant, and was not completed.
	removeBegun(ctx context.Context, org crm.ID, before time.Time) error
}

// kept is a content that is there, since an instant.
type kept struct {
	id crm.ID
	at time.Time
}
