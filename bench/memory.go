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

// sameHeader ends the paths of the bare peer that answer with the header of the server's
// answer, too.
const sameHeader = "/same"

// serveMemory is the peer of a cached answer: net/http and bytes in memory, nothing
// else. The files of a folder are its paths, and the codings of the bytes in them; the
// header that the server has sent with them lies beside them. It is written under a path
// of its own, field for field, as it is; else what HTTP needs is, and no more.
func serveMemory(ctx context.Context, arg string) error {
	dir, addr, _ := strings.Cut(arg, ",")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	for _, coding := range []string{identity, brotli} {
		body, header, err := keptAnswer(dir, coding)
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

// A field is one of a header.
type field struct{ Name, Value string }

// keepAnswer writes an answer to a folder, where keptAnswer finds it.
func keepAnswer(dir, coding string, header http.Header, body []byte) error {
	var fields []field
	for name, values := range header {
		if name == "Date" { // net/http's own
			continue
		}
		if len(values) != 1 {
			return fmt.Errorf("the answer has %d fields %s", len(values), name)
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

func keptAnswer(dir, coding string) (body []byte, header []field, err error) {
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
