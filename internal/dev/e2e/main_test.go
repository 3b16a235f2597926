package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// shared is the Temporal server that most tests use; each has a namespace of its own on it.
var shared struct {
	address string
	next    atomic.Int64
}

// namespaces is the number of tests that may share the server.
const namespaces = 60

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tabi-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := run(m, dir)
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// run starts what all tests share, and runs them.
func run(m *testing.M, dir string) int {
	scratch = dir
	names := make([]string, namespaces)
	for i := range names {
		names[i] = namespace(i)
	}
	server, err := startTemporal(dir, freePort(), "", names)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the Temporal server does not start:", err)
		return 1
	}
	defer server.Stop(stopPatience)
	shared.address = server.address
	return pgtest.Run(m)
}

func namespace(i int) string { return "e2e-" + strconv.Itoa(i) }

// scratch is a folder for files that all tests share.
var scratch string

// root returns the repository's folder.
func root() string {
	dir, err := filepath.Abs("../../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// temporalBinary returns the one that `make build` made, otherwise the one in PATH.
func temporalBinary() (string, error) {
	if built := filepath.Join(root(), "bin", "temporal"); exec.Command(built, "--version").Run() == nil {
		return built, nil
	}
	path, err := exec.LookPath("temporal")
	if err != nil {
		return "", errors.New("no temporal in bin or PATH: run make build")
	}
	return path, nil
}

// binaries builds tabi and tabi-worker of this tree, once.
var binaries = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(scratch, "bin")
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./starter", "./worker")
	build.Dir = root()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	temporal, err := temporalBinary()
	if err == nil {
		err = os.Symlink(temporal, filepath.Join(dir, "temporal")) // where tabi dev looks first
	}
	return dir, err
})

// tabi returns the path of the command, tabiWorker that of the worker.
func tabi(t testing.TB) string       { return binary(t, "starter") }
func tabiWorker(t testing.TB) string { return binary(t, "worker") }

func binary(t testing.TB, name string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

func freePort() int {
	port, err := testservers.FreePort()
	if err != nil {
		panic(err)
	}
	return port
}

func local(port int) string { return testservers.Local(port) }

// lines joins lines into the text of a file.
func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }
