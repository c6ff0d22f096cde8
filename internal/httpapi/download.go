package httpapi

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// anyMedia is the media type, in the API document, of files that have their own.
const anyMedia = "*/*"

// fileHeaders are the header fields of a file that is sent.
var fileHeaders = []string{"Accept-Ranges", "Content-Disposition", "ETag", "Last-Modified"}

// downloadProblems are the failures of operations that send a file.
var downloadProblems = []int{http.StatusGone, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable}

func fileSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "binary"} }

// sendFile sends a file to an actor who may have it. While the client reads, nothing of the database
// is held.
func (a *API) sendFile(c *call, w http.ResponseWriter, by crm.Actor, id crm.ID) error {
	f, content, err := a.Files.Open(c.Context, by, id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	_, done, err := a.Server.OpenStream(c.Context, by)
	if err != nil {
		return err
	}
	defer done()
	h := w.Header()
	h.Set("Content-Type", f.Media)
	h.Set("Content-Disposition", f.Disposition())
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+f.SHA256+`"`)
	d := &download{ResponseWriter: w, out: http.NewResponseController(w), start: time.Now()}
	http.ServeContent(d, c.Request, "", f.CreatedAt.Time(), content)
	if d.unsatisfiable {
		for _, name := range fileHeaders {
			h.Del(name)
		}
		return &server.Problem{Status: http.StatusRequestedRangeNotSatisfiable, Detail: "The file has no such range."}
	}
	return nil
}

// download extends the deadline of a response while its client reads.
type download struct {
	http.ResponseWriter
	out   *http.ResponseController
	start time.Time
	sent  int64
	// unsatisfiable: the range that was asked for; nothing has been written.
	unsatisfiable bool
}

// WriteHeader leaves a failure to the caller.
func (d *download) WriteHeader(status int) {
	if d.unsatisfiable = status == http.StatusRequestedRangeNotSatisfiable; !d.unsatisfiable {
		d.ResponseWriter.WriteHeader(status)
	}
}

// Write implements io.Writer.
func (d *download) Write(p []byte) (int, error) {
	if d.unsatisfiable {
		return len(p), nil
	}
	_ = d.out.SetWriteDeadline(server.TransferDeadline(d.start, time.Now(), d.sent)) // a connection without deadlines has none
	n, err := d.ResponseWriter.Write(p)
	d.sent += int64(n)
	return n, err
}
