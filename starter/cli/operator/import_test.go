package operator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/importer"
	"github.com/tabi-journeys/tabi/starter/cli"
)

// taker is a gateway that keeps the ids it took, and fails as it is told.
type taker struct {
	mu    sync.Mutex
	ids   []string
	past  int // calls that were marked as history
	tries int
	fail  func(try int) (status int, body string) // 0: take it
}

func (g *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Batch []struct {
			MessageID string          `json:"messageId"`
			Context   json.RawMessage `json:"context"`
		} `json:"batch"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/v1/batch" {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tries++
	if g.fail != nil {
		switch status, body := g.fail(g.tries); status {
		case 0:
		case -1:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return
		}
	}
	for _, c := range in.Batch {
		g.ids = append(g.ids, c.MessageID)
		if strings.Contains(string(c.Context), `"backfill":true`) {
			g.past++
		}
	}
	_, _ = w.Write([]byte(`{"success": true}`))
}

// logFile writes n calls, without ids where bare.
func logFile(t *testing.T, n int, zip, bare bool) string {
	t.Helper()
	var text bytes.Buffer
	for i := range n {
		id := fmt.Sprintf(`"messageId":"m%d",`, i)
		if bare {
			id = ""
		}
		fmt.Fprintf(&text, `{"type":"track",%s"userId":"u","event":"E","timestamp":"2026-03-02T10:%02d:00Z"}`+"\n", id, i%60)
	}
	path := filepath.Join(t.TempDir(), "log.ndjson")
	if zip {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(text.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		text = z
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tabi runs a command in this process.
func tabi(ctx context.Context, args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = cli.Run(ctx, app.Build{}, args, &o, &e)
	return status, o.String(), e.String()
}

func TestImportSendsAllInOrder(t *testing.T) {
	t.Parallel()
	for _, zip := range []bool{false, true} {
		g := &taker{}
		srv := httptest.NewServer(g)
		defer srv.Close()
		path := logFile(t, 1234, zip, false)
		if status, _, errs := tabi(t.Context(), "import", path, "--url", srv.URL); status != 0 {
			t.Fatalf("status %d: %s", status, errs)
		}
		if len(g.ids) != 1234 || g.ids[0] != "m0" || g.ids[1233] != "m1233" || g.tries != 3 {
			t.Errorf("gzip %v: took %d calls in %d batches", zip, len(g.ids), g.tries)
		}
		if _, err := os.Stat(path + ".tabi-state"); !os.IsNotExist(err) {
			t.Errorf("the state is still there: %v", err)
		}
	}
}

// A log of the past is marked, call by call, by a flag; without it the command warns.
func TestImportMarksHistory(t *testing.T) {
	t.Parallel()
	g := &taker{}
	srv := httptest.NewServer(g)
	defer srv.Close()
	path := filepath.Join(t.TempDir(), "log.ndjson")
	text := `{"type":"track","userId":"u","event":"E","timestamp":"2023-03-02T10:00:00Z"}
{"type":"track","userId":"u","event":"E","timestamp":"2023-03-02T10:00:00Z","context":{"ip":"127.0.0.1","backfill":false}}
{"type":"identify","userId":"u","context":[]}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := tabi(t.Context(), "import", path, "--url", srv.URL, "--backfill")
	if status != 0 || g.past != 3 || strings.Contains(errs, "--backfill") {
		t.Errorf("status %d, %d of %d calls are marked as history: %s%s", status, g.past, len(g.ids), out, errs)
	}
	g.past = 0
	status, out, errs = tabi(t.Context(), "import", path, "--url", srv.URL)
	if status != 0 || g.past != 0 || !strings.Contains(errs, "if the log is history, stop and use --backfill") {
		t.Errorf("status %d, %d calls are marked as history, and there is no warning: %s%s", status, g.past, out, errs)
	}
}

func TestImportRetriesTemporaryErrors(t *testing.T) {
	t.Parallel()
	g := &taker{fail: func(try int) (int, string) {
		return []int{0, 503, 429, -1, 0, 0}[min(try, 5)], ""
	}}
	srv := httptest.NewServer(g)
	defer srv.Close()
	status, out, errs := tabi(t.Context(), "import", logFile(t, 700, false, false), "--url", srv.URL, "-o", "json")
	if status != 0 || len(g.ids) != 700 {
		t.Fatalf("status %d, %d taken: %s", status, len(g.ids), errs)
	}
	var report importer.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Retries != 3 || report.Events != 700 {
		t.Errorf("report %+v, %v", report, err)
	}
}

// Interrupted between two batches, the same command goes on behind what was acknowledged; a call without id
// keeps the id it was given.
func TestImportResumes(t *testing.T) {
	t.Parallel()
	for _, bare := range []bool{false, true} {
		broken := true
		g := &taker{}
		g.fail = func(try int) (int, string) {
			if broken && try > 2 {
				return 503, ""
			}
			return 0, ""
		}
		srv := httptest.NewServer(g)
		defer srv.Close()
		path := logFile(t, 1000, true, bare)
		status, _, errs := tabi(t.Context(), "import", path, "--url", srv.URL, "--batch", "100", "--patience", "1ms")
		if status != 3 || len(g.ids) != 200 {
			t.Fatalf("status %d, %d taken: %s", status, len(g.ids), errs)
		}
		broken = false
		status, _, errs = tabi(t.Context(), "import", path, "--url", srv.URL, "--batch", "100")
		if status != 0 || len(g.ids) != 1000 || !strings.Contains(errs, "resuming after line 200") {
			t.Fatalf("status %d, %d taken: %s", status, len(g.ids), errs)
		}
		seen := map[string]bool{}
		for _, id := range g.ids {
			if id == "" || seen[id] {
				t.Fatalf("id %q is empty or was sent twice", id)
			}
			seen[id] = true
		}
	}
}

func TestImportNamesTheBadLine(t *testing.T) {
	t.Parallel()
	g := &taker{}
	srv := httptest.NewServer(g)
	defer srv.Close()
	path := filepath.Join(t.TempDir(), "log.ndjson")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("{\"messageId\":\"a\"}\n\n{\"messageId\":\"b\"}\n{broken\n{\"messageId\":\"c\"}\n")
	status, _, errs := tabi(t.Context(), "import", path, "--url", srv.URL)
	if status != 1 || !strings.Contains(errs, path+":4: refused: not a JSON object") || len(g.ids) != 3 {
		t.Errorf("status %d, took %v: %s", status, g.ids, errs)
	}

	g.fail = func(int) (int, string) {
		return 400, `{"error": {"field": "batch[1].userId", "message": "is missing"}}`
	}
	write("\n{\"messageId\":\"a\"}\n\n{\"messageId\":\"b\"}\n")
	status, _, errs = tabi(t.Context(), "import", path, "--url", srv.URL)
	if status != 1 || !strings.Contains(errs, path+":4: userId: is missing") {
		t.Errorf("status %d: %s", status, errs)
	}

	write("[1]\n")
	if status, _, errs = tabi(t.Context(), "import", path, "--url", srv.URL); status != 1 ||
		!strings.Contains(errs, "1: refused: not a JSON object") {
		t.Errorf("status %d: %s", status, errs)
	}
	write("")
	if status, _, _ = tabi(t.Context(), "import", path, "--url", srv.URL); status != 1 {
		t.Errorf("an empty file: status %d", status)
	}
	write("{\"messageId\":\"a\"}\n")
	if status, _, errs = tabi(t.Context(), "import", path, "--url", srv.URL, "--pace", "10"); status != 1 ||
		!strings.Contains(errs, ":1: no timestamp") {
		t.Errorf("no timestamp: status %d: %s", status, errs)
	}
}

// With a pace the log's spacing is kept: three minutes of log at 600 take 0.3 s.
func TestImportPace(t *testing.T) {
	t.Parallel()
	g := &taker{}
	srv := httptest.NewServer(g)
	defer srv.Close()
	status, out, errs := tabi(t.Context(), "import", logFile(t, 4, false, false), "--url", srv.URL, "--pace", "600", "-o", "json")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	var report importer.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if report.Seconds < 0.3 || report.Batches != 4 || report.Pace != 600 {
		t.Errorf("report %+v, want four batches over 0.3 s", report)
	}
}
