package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sixty/internal/crm"
)

// Bucket says where an S3-compatible bucket is; none without a name.
type Bucket struct {
	Name      string
	Endpoint  string // HOST or HOST:PORT
	TLS       bool
	Region    string
	AccessKey string
	SecretKey string
	// PathStyle: the bucket is in the path of the URL instead of the host.
	PathStyle bool
}

const (
	// partSize is the size of the parts of an upload: one is in memory at a time, and there are at most
	// 10,000 of them.
	partSize = 16 << 20
	// smallSize is the size below which a content is uploaded in one request.
	smallSize = 1 << 20
	// attempts is how often a request to the bucket is made.
	attempts = 3
)

// bucket keeps contents as objects that are named ORGANISATION/ID.
type bucket struct {
	client *minio.Client
	name   string
}

func openBucket(b Bucket) (*bucket, error) {
	lookup := minio.BucketLookupDNS
	if b.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(b.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(b.AccessKey, b.SecretKey, ""), Secure: b.TLS, Region: b.Region, BucketLookup: lookup, MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("the bucket of the files: %w", err)
	}
	return &bucket{client, b.Name}, nil
}

func (*bucket) place() string { return "" }

func (b *bucket) ready(ctx context.Context) error {
	exists, err := b.client.BucketExists(ctx, b.name)
	if err == nil && !exists {
		err = fmt.Errorf("there is no bucket %q", b.name)
	}
	return refused(ctx, err)
}

func objectOf(org, id crm.ID) string { return org.String() + "/" + id.String() }

// abandoned ends an upload whose content is not complete. It is no io.EOF, which would complete it,
// and none of the errors that are taken for one.
type abandoned struct{ cause error }

// It has no Unwrap: the cause may be io.EOF.
func (a abandoned) Error() string { return "the content is not complete: " + a.cause.Error() }

func (b *bucket) put(ctx context.Context, org, id crm.ID, write func(io.Writer) error) error {
	from, to := io.Pipe()
	uploaded := make(chan error, 1)
	go func() {
		err := refused(ctx, b.upload(ctx, objectOf(org, id), from))
		_ = from.CloseWithError(err) // so that write does not wait for an upload that has failed
		uploaded <- err
	}()
	err := write(to)
	if err != nil {
		_ = to.CloseWithError(abandoned{err})
	} else {
		_ = to.Close()
	}
	if failed := <-uploaded; err == nil {
		err = failed
	}
	return err
}

// upload uploads what is read until io.EOF: in one request if it is small, else in parts.
func (b *bucket) upload(ctx context.Context, object string, from io.Reader) error {
	start := make([]byte, smallSize)
	n, err := io.ReadFull(from, start)
	size, content := int64(n), io.Reader(bytes.NewReader(start[:n]))
	switch {
	case err == nil:
		size, content = -1, io.MultiReader(content, from)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	// The digest of each part is in a header, which is signed; more is not understood everywhere.
	o := minio.PutObjectOptions{PartSize: partSize, SendContentMd5: true, DisableContentSha256: true}
	_, err = b.client.PutObject(ctx, b.name, object, content, size, o)
	return err
}

func (b *bucket) open(ctx context.Context, org, id crm.ID, size int64) (Content, error) {
	object, err := b.client.GetObject(ctx, b.name, objectOf(org, id), minio.GetObjectOptions{})
	if err != nil {
		return nil, refused(ctx, err)
	}
	info, err := object.Stat()
	if err == nil && info.Size == size {
		return object, nil
	}
	_ = object.Close()
	if err == nil || isMissing(err) { // what has another size is not what was written
		return nil, errMissing
	}
	return nil, refused(ctx, err)
}

func (b *bucket) has(ctx context.Context, org, id crm.ID) (bool, error) {
	_, err := b.client.StatObject(ctx, b.name, objectOf(org, id), minio.StatObjectOptions{})
	if isMissing(err) {
		return false, nil
	}
	return err == nil, refused(ctx, err)
}

func (b *bucket) remove(ctx context.Context, org, id crm.ID) error {
	return refused(ctx, b.client.RemoveObject(ctx, b.name, objectOf(org, id), minio.RemoveObjectOptions{}))
}

func (b *bucket) list(ctx context.Context, org crm.ID, each func(kept) bool) error {
	prefix := org.String() + "/"
	for object := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix}) {
		if object.Err != nil {
			return refused(ctx, object.Err)
		}
		id, err := crm.ParseID(strings.TrimPrefix(object.Key, prefix))
		if err == nil && !each(kept{id, object.LastModified}) {
			return nil
		}
	}
	return nil
}

func (b *bucket) removeBegun(ctx context.Context, org crm.ID, before time.Time) error {
	var failed error
	for upload := range b.client.ListIncompleteUploads(ctx, b.name, org.String()+"/", true) {
		switch {
		case failed != nil: // the listing must be read to its end
		case upload.Err != nil:
			failed = upload.Err
		case upload.Initiated.Before(before):
			failed = b.client.RemoveIncompleteUpload(ctx, b.name, upload.Key)
		}
	}
	if isMissing(failed) { // some servers say so when there are none
		return nil
	}
	return refused(ctx, failed)
}

func isMissing(err error) bool {
	return minio.ToErrorResponse(err).StatusCode == http.StatusNotFound
}

// refused returns the error of a bucket without its address and name, which are for the log alone.
func refused(ctx context.Context, err error) error {
	var given abandoned
	switch {
	case err == nil:
		return nil
	case errors.As(err, &given):
		return given.cause
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return unavailable(err)
}
