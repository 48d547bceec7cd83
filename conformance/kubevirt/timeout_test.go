package kubevirt_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// mute is a server that takes connections and never answers; a watch or a log it
// begins, and then it says nothing but at the end of its patience.
func mute(t *testing.T, patience time.Duration) *httptest.Server {
	t.Helper()
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "true" || r.URL.Path == "/half" {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush() //nolint:forcetypeassert // that of a test server is
		}
		select {
		case <-over:
		case <-r.Context().Done():
		case <-time.After(patience):
			_, _ = io.WriteString(w, "late")
		}
	}))
	t.Cleanup(func() {
		close(over)
		s.Close()
	})
	return s
}

// TestTimeout: a request that nobody answers ends, and says so; a watch and a log
// that is followed may take their time.
func TestTimeout(t *testing.T) {
	s := mute(t, 3*time.Second)
	client := http.Client{Transport: kubevirt.Impatient(http.DefaultTransport, time.Second)}
	get := func(path string) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return string(text), err
	}
	for _, path := range []string{"/api", "/half"} {
		var timeout net.Error
		if text, err := get(path); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	for _, path := range []string{"/pods?watch=true", "/log?follow=true"} {
		if text, err := get(path); text != "late" || err != nil {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}

// TestInterrupt: an API server that never answers does not keep a harness that is
// interrupted.
func TestInterrupt(t *testing.T) {
	s := mute(t, time.Minute)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c"}}]}`, s.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, vms, err := kubevirt.Connect(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := kubevirt.New(kubevirt.Config{Client: client, Dynamic: vms}).Prepare(ctx); err == nil || ctx.Err() == nil {
		t.Errorf("%v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
