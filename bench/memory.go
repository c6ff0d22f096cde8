package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// serveMemory is the peer of a cached answer: net/http and bytes in memory, nothing
// else. The files of a folder are its paths, and the codings of the bytes in them.
func serveMemory(ctx context.Context, arg string) error {
	dir, addr, _ := strings.Cut(arg, ",")
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	for _, f := range files {
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		length, coding := strconv.Itoa(len(body)), f.Name()
		mux.HandleFunc("GET /"+coding, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length)
			if coding != identity {
				w.Header().Set("Content-Encoding", coding)
			}
			_, _ = w.Write(body)
		})
	}
	return listen(ctx, addr, mux)
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
