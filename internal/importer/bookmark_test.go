package importer

import (
	"os"
	"path/filepath"
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
