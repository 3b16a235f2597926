package importer

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestBookmarkPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got, want := BookmarkPath(filepath.Join(dir, "log.ndjson")), filepath.Join(dir, "log.ndjson.tabi-state"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the try left %v %v", left, err)
	}
	if got := BookmarkPath("/proc/log.ndjson"); got != "log.ndjson.tabi-state" {
		t.Errorf("beside a file of a folder that cannot be written: %s", got)
	}
}

// TestAPipeIsNoFile: nobody may ever write to a pipe, and to open it waits.
func TestAPipeIsNoFile(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := fingerprint(pipe); err == nil {
		t.Error("a pipe is taken for a file")
	}
}
