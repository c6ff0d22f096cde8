package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/imports"
	"sixty/internal/server"
	"sixty/internal/transfer"
)

// upload are the files of a request, and the options that it says.
type upload struct {
	settings transfer.Settings
	files    []files.File      // that are kept, or
	sources  []transfer.Source // that are in memory
	names    []string
	digests  []string
}

// The parts of a body, and the parameter that names a file.
const (
	optionsPart       = "options"
	filePart          = "file"
	fileNameParameter = "filename"
	maxOptions        = 64 << 10 // bytes
)

// receiveImport keeps the files of a request, and checks them.
func (a *API) receiveImport(c *call) (received server.Received, err error) {
	if err := a.Imports.May(c.Actor); err != nil {
		return received, err
	}
	up := &upload{}
	discard := func(ctx context.Context) { a.Imports.Discard(ctx, c.Actor, up.files) }
	defer func() {
		if err != nil {
			discard(c.Context)
		}
	}()
	var taken int64
	err = up.receive(c, func(name, media string, content io.Reader) error {
		f, err := a.Imports.Upload(c.Context, c.Actor, name, media, taken, content)
		if err != nil {
			return err
		}
		taken += f.Size
		up.files = append(up.files, f)
		up.names, up.digests = append(up.names, name), append(up.digests, f.SHA256)
		return nil
	})
	if err != nil {
		return received, server.ReadError(err)
	}
	if err := a.Imports.Check(c.Context, c.Actor, up.settings, up.files); err != nil {
		return received, err
	}
	c.Received = up
	return server.Received{Digest: up.digest(), Discard: discard}, nil
}

// receivePreview holds the files of a request in memory.
func (a *API) receivePreview(c *call) (received server.Received, err error) {
	if err := a.Imports.May(c.Actor); err != nil {
		return received, err
	}
	up := &upload{}
	left := int64(imports.MaxPreview)
	err = up.receive(c, func(name, _ string, content io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(content, left+1))
		if left -= int64(len(text)); err == nil && left < 0 {
			err = crm.Invalid(crm.FieldError{Field: filePart, Message: "must be at most 16 MiB for a preview: send its beginning"})
		}
		up.sources = append(up.sources, imports.BytesSource(name, text))
		return err
	})
	c.Received = up
	return server.Received{Discard: func(context.Context) {}}, server.ReadError(err)
}

// digest stands for the request.
func (up *upload) digest() []byte {
	h := sha256.New()
	for _, name := range transfer.SettingNames() {
		_, _ = fmt.Fprintf(h, "%q %q\n", name, up.settings[name])
	}
	for i, name := range up.names {
		_, _ = fmt.Fprintf(h, "%q %s\n", name, up.digests[i])
	}
	return h.Sum(nil)
}

// receive calls file with each file of a request.
func (up *upload) receive(c *call, file func(name, media string, content io.Reader) error) error {
	up.settings = transfer.SettingsOfQuery(c.Request.URL.Query())
	media, parameters, err := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if err != nil && c.Request.Header.Get("Content-Type") != "" {
		return server.BadRequest("The Content-Type cannot be parsed.")
	}
	if media != "multipart/form-data" {
		name := cmp.Or(c.Request.URL.Query().Get(fileNameParameter), "file")
		body := &countedBody{Reader: c.Request.Body}
		if err := file(name, media, body); err != nil {
			return err
		}
		if body.read == 0 {
			return crm.Invalid(crm.FieldError{Field: filePart, Message: "must not be empty"})
		}
		return nil
	}
	if parameters["boundary"] == "" {
		return server.BadRequest("The Content-Type names no boundary.")
	}
	return up.receiveParts(multipart.NewReader(c.Request.Body, parameters["boundary"]), file)
}

func (up *upload) receiveParts(r *multipart.Reader, file func(name, media string, content io.Reader) error) error {
	for count := 0; ; {
		part, err := r.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return unreadParts(err)
		}
		switch part.FormName() {
		case optionsPart:
			text, err := io.ReadAll(io.LimitReader(part, maxOptions+1))
			if err != nil {
				return unreadParts(err)
			}
			if len(text) > maxOptions {
				return crm.Invalid(crm.FieldError{Field: optionsPart, Message: "must be at most 64 KiB"})
			}
			settings, err := transfer.SettingsOfJSON(bytes.TrimSpace(text))
			if err != nil {
				return inOptions(err)
			}
			up.settings = settings
		case filePart:
			if count++; count > imports.MaxFiles {
				return crm.Invalid(crm.FieldError{Field: filePart, Message: fmt.Sprintf("must be at most %d", imports.MaxFiles)})
			}
			if err := file(cmp.Or(part.FileName(), fmt.Sprintf("file %d", count)), part.Header.Get("Content-Type"), part); err != nil {
				return unreadParts(err)
			}
		default:
			return crm.Invalid(crm.FieldError{Field: part.FormName(), Message: "is no part of an import; there are file and options"})
		}
	}
}

// unreadParts returns the error of a body of parts that ends early.
func unreadParts(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || strings.HasPrefix(err.Error(), "multipart: ") {
		return server.BadRequest("The body is not whole: its last part is missing, or not ended.")
	}
	return err
}

// inOptions names the members of what is wrong as those of the options.
func inOptions(err error) error {
	var e *crm.Error
	if !errors.As(err, &e) || e.Code != crm.CodeInvalid {
		return err
	}
	fields := make([]crm.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		fields[i] = f
		if f.Field != optionsPart {
			fields[i].Field = optionsPart + "/" + f.Field
		}
	}
	return crm.Invalid(fields...)
}

// countedBody counts what is read.
type countedBody struct {
	io.Reader
	read int64
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += int64(n)
	return n, err
}

// uploadBody describes a body of files in the API document.
func uploadBody() *huma.RequestBody {
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{filePart},
			Properties: map[string]*huma.Schema{
				optionsPart: {Type: huma.TypeObject, AdditionalProperties: true, Description: "The options by their names; kind must be given."},
				filePart:    {Type: huma.TypeArray, Items: binary},
			},
		}},
		"application/octet-stream": {Schema: binary},
	}}
}
