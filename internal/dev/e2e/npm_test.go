package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// npmInstall copies a folder of testdata and installs the packages of its lock file there. Where there is no npm or no
// registry, the test is skipped, or fails in CI. No package runs scripts of its own.
func npmInstall(t *testing.T, name string) (folder string) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("CI") != "" {
		missing = t.Fatalf
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		missing("there is no npm (apt-get install npm)")
	}
	folder = t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		missing("npm ci in testdata/%s: %v\n%s", name, err, out)
	}
	return folder
}

// node runs a script of the folder to its end and returns the lines it prints.
func node(t *testing.T, folder, script string, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	run.Dir = folder
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, out)
	}
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
}
