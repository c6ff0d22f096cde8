package table

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
)

// Bounds of what is unpacked. Tables are repetitive, but not so much as a file that is
// made to fill a disk.
const (
	maxPacks    = 2        // a compressed file within a compressed one
	maxRatio    = 300      // of the unpacked to the packed size, for what is larger than
	ratioFrom   = 64 << 20 // this
	maxEntries  = 10_000   // of an archive
	maxListing  = 4 << 20  // bytes of the list of them
	namesInText = 5        // of an archive's files in a message
)

// unpacked returns how much may be unpacked from so many bytes.
func unpacked(packed, most int64) int64 {
	return min(most, max(ratioFrom, maxRatio*packed))
}

// unpack replaces the content by what its compression holds, and returns the name that
// it has there. Compression is "" if there is none.
func (c *content) unpack(ctx context.Context, name string) (inside, compression string, err error) {
	switch {
	case bytes.HasPrefix(c.prefix, []byte{0x1F, 0x8B}):
		inside, err = c.gunzip(ctx, name)
		return inside, "gzip", err
	case bytes.HasPrefix(c.prefix, []byte("PK\x03\x04")), bytes.HasPrefix(c.prefix, []byte("PK\x05\x06")):
		inside, err = c.unzip(ctx)
		if inside == "" || err != nil {
			return "", "", err
		}
		return inside, "zip", nil
	}
	return "", "", nil
}

func (c *content) gunzip(ctx context.Context, name string) (string, error) {
	if err := c.settle(ctx); err != nil {
		return "", err
	}
	r, err := c.reader()
	if err != nil {
		return "", err
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return "", fmt.Errorf("the compressed file is damaged: %w", err)
	}
	if err := c.replaceUnpacked(ctx, z, c.size); err != nil {
		return "", err
	}
	inside := strings.TrimSuffix(name, path.Ext(name))
	if z.Name != "" && path.Ext(inside) == "" {
		inside = z.Name
	}
	return inside, c.look()
}

// unzip unpacks an archive of one file. Of a workbook, which is an archive too, it
// returns no name.
func (c *content) unzip(ctx context.Context) (string, error) {
	if err := c.settle(ctx); err != nil {
		return "", err
	}
	archive, err := openArchive(c)
	if err != nil {
		return "", err
	}
	switch {
	case has(archive, "[Content_Types].xml"), has(archive, "xl/workbook.xml"):
		return "", nil
	case has(archive, "mimetype") && has(archive, "content.xml"):
		return "", fmt.Errorf("it is an OpenDocument file: save it as .xlsx or .csv")
	}
	var files []*zip.File
	for _, f := range archive.File {
		if !f.FileInfo().IsDir() && !strings.HasPrefix(f.Name, "__MACOSX/") && path.Base(f.Name) != ".DS_Store" {
			files = append(files, f)
		}
	}
	if len(files) != 1 {
		return "", fmt.Errorf("the archive holds %s: one is wanted", listed(files))
	}
	if files[0].Flags&1 != 0 {
		return "", fmt.Errorf("%q in the archive has a password: unpack it first", files[0].Name)
	}
	r, err := files[0].Open()
	if err != nil {
		return "", fmt.Errorf("%q in the archive cannot be unpacked: %w", files[0].Name, err)
	}
	defer func() { _ = r.Close() }() // only read from
	if err := c.replaceUnpacked(ctx, r, int64(files[0].CompressedSize64)); err != nil {
		return "", err
	}
	return files[0].Name, c.look()
}

func (c *content) replaceUnpacked(ctx context.Context, r io.Reader, packed int64) error {
	most := unpacked(packed, maxSpooled)
	if err := c.replace(ctx, r, most); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("it cannot be unpacked: %w", err)
	}
	return nil
}

// openArchive reads an archive's list of files.
func openArchive(c *content) (*zip.Reader, error) {
	listing := &listingReader{r: c.file, left: maxListing}
	archive, err := zip.NewReader(listing, c.size)
	listing.read = true
	if err != nil {
		return nil, fmt.Errorf("the archive is damaged: %w", err)
	}
	if len(archive.File) > maxEntries {
		return nil, fmt.Errorf("the archive holds %d files, at most %d are taken", len(archive.File), maxEntries)
	}
	return archive, nil
}

// listingReader bounds what is read of an archive until its list of files has been read,
// since that is kept in memory.
type listingReader struct {
	r    io.ReaderAt
	left int
	read bool
}

// ReadAt implements io.ReaderAt.
func (l *listingReader) ReadAt(p []byte, at int64) (int, error) {
	if !l.read {
		if l.left -= len(p); l.left < 0 {
			return 0, fmt.Errorf("its list of files is longer than %d bytes", maxListing)
		}
	}
	return l.r.ReadAt(p, at)
}

func has(archive *zip.Reader, name string) bool {
	for _, f := range archive.File {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// listed names an archive's files in a message.
func listed(files []*zip.File) string {
	if len(files) == 0 {
		return "no file"
	}
	var names []string
	for _, f := range files[:min(len(files), namesInText)] {
		names = append(names, fmt.Sprintf("%q", f.Name))
	}
	if more := len(files) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%d files (%s)", len(files), strings.Join(names, ", "))
}
