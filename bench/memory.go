package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sameHeader is the suffix of the bare peer's paths whose responses also have the header of the
// server's response.
const sameHeader = "/same"

// serveMemory is the peer of a cached response: net/http and bytes in memory, nothing else. The
// files of a directory are its paths, one per coding, each with the server's header fields
// beside it. These are written only under a path of their own, field by field; the others
// have only what HTTP requires.
func serveMemory(ctx context.Context, arg string) error {
	dir, addr, _ := strings.Cut(arg, ",")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	for _, coding := range []string{identity, brotli} {
		body, header, err := loadAnswer(dir, coding)
		if err != nil {
			return err
		}
		length := strconv.Itoa(len(body))
		mux.HandleFunc("GET /"+coding, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length)
			if coding != identity {
				w.Header().Set("Content-Encoding", coding)
			}
			_, _ = w.Write(body)
		})
		mux.HandleFunc("GET /"+coding+sameHeader, func(w http.ResponseWriter, _ *http.Request) {
			for _, field := range header {
				w.Header().Set(field.Name, field.Value)
			}
			_, _ = w.Write(body)
		})
	}
	return listen(ctx, addr, mux)
}

// A field is a header field.
type field struct{ Name, Value string }

// storeAnswer writes a response to a directory, for loadAnswer.
func storeAnswer(dir, coding string, header http.Header, body []byte) error {
	var fields []field
	for name, values := range header {
		if name == "Date" { // set by net/http
			continue
		}
		if len(values) != 1 {
			return fmt.Errorf("the response has %d fields %s", len(values), name)
		}
		fields = append(fields, field{name, values[0]})
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, coding+".json"), text, 0o600),
		os.WriteFile(filepath.Join(dir, coding), body, 0o600))
}

func loadAnswer(dir, coding string) (body []byte, header []field, err error) {
	text, err := os.ReadFile(filepath.Join(dir, coding+".json"))
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, nil, err
	}
	body, err = os.ReadFile(filepath.Join(dir, coding))
	return body, header, err
}

// listen serves until ctx ends.
func listen(ctx context.Context, addr string, handler http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
