package devmode

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/childproc"
)

// DevServer is a Temporal development server that runs as a child of this process.
type DevServer struct {
	Address string // host:port of the frontend
	UI      string // URL; empty without
	LogFile string
	Done    <-chan struct{} // closed when it has ended
	process *childproc.Process
}

// DevServerOptions of StartDevServer.
type DevServerOptions struct {
	DataDir  string
	Port     int  // 0: 7233, or a free one where that is taken
	UIPort   int  // 0: 8233, or a free one
	Headless bool // without the UI
	KeepLog  bool // append to the log of the previous server
	// CodecEndpoint is where the UI has payloads decrypted; empty: nowhere.
	CodecEndpoint string
}

// FindTemporal returns the Temporal command line: beside this executable, in bin of the working folder, or in PATH.
func FindTemporal() (string, error) {
	var places []string
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		places = append(places, filepath.Join(filepath.Dir(self), "temporal"))
	}
	places = append(places, filepath.Join("bin", "temporal"))
	for _, p := range places {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return filepath.Abs(p)
		}
	}
	found, err := exec.LookPath("temporal")
	if err != nil {
		return "", app.Unreachable("there is no `temporal` beside this program, in ./bin or in PATH: run `make build`, " +
			"or install Temporal's command line (https://docs.temporal.io/cli)")
	}
	return found, nil
}

// StartDevServer starts a server on its own data file. It stops when asked to, and when this process dies.
func StartDevServer(o DevServerOptions) (*DevServer, error) {
	binary, err := FindTemporal()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return nil, app.Unreachable("cannot create the data folder: %w; choose another one with --data-dir", err)
	}
	port, err := choosePort(o.Port, 7233, "--temporal-port")
	if err != nil {
		return nil, err
	}
	args := []string{
		"server", "start-dev", "--ip", "127.0.0.1", "--port", strconv.Itoa(port),
		"--db-filename", filepath.Join(o.DataDir, "temporal.db"),
		"--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1",
		// By default the server reads its queues 20 times a second, and every hop takes 50 ms.
		"--dynamic-config-value", "history.transferProcessorMaxPollRPS=200",
		"--dynamic-config-value", "history.timerProcessorMaxPollRPS=200",
		// A closed run is deleted once the queue's progress is stored, by default every 30 s: forgetting a customer waits for it.
		"--dynamic-config-value", `history.transferProcessorUpdateAckInterval="5s"`,
		"--dynamic-config-value", `history.visibilityProcessorUpdateAckInterval="5s"`,
		// At scale 86,400 a customer may well enter again within a second.
		"--dynamic-config-value", `history.workflowIdReuseMinimalInterval="0s"`,
		"--log-level", "warn",
	}
	for _, name := range app.SearchAttributes {
		args = append(args, "--search-attribute", name+"=Keyword")
	}
	d := &DevServer{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), LogFile: filepath.Join(o.DataDir, "temporal.log")}
	if o.Headless {
		args = append(args, "--headless")
	} else {
		ui, err := choosePort(o.UIPort, 8233, "--ui-port")
		if err != nil {
			return nil, err
		}
		args = append(args, "--ui-port", strconv.Itoa(ui))
		if o.CodecEndpoint != "" {
			args = append(args, "--ui-codec-endpoint", o.CodecEndpoint)
		}
		d.UI = "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(ui)) + "/namespaces/default/workflows"
	}
	how := os.O_TRUNC
	if o.KeepLog {
		how = os.O_APPEND
	}
	logFile, err := os.OpenFile(d.LogFile, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return nil, app.Unreachable("cannot write Temporal's log: %w; choose another folder with --data-dir", err)
	}
	defer logFile.Close()
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.Env = childproc.Environment(os.Environ())
	if d.process, err = childproc.Start(cmd); err != nil {
		return nil, app.Unreachable("cannot start %s: %w", binary, err)
	}
	d.Done = d.process.Done
	return d, nil
}

// stopGrace is how long the child may take to end once it is asked to.
const stopGrace = 8 * time.Second

// Stop ends the server and all it started, and waits for it.
func (d *DevServer) Stop() { d.process.Stop(stopGrace) }

// Await calls ready until it succeeds, the server has ended, or ctx ends.
func (d *DevServer) Await(ctx context.Context, every time.Duration, ready func(context.Context) error) error {
	return d.process.Await(ctx, every, ready)
}

// Kill is kill -9: what the server had not written is lost. Another server may be started on the same folder and port.
func (d *DevServer) Kill() { d.process.Kill() }

// PID returns the process id of the server.
func (d *DevServer) PID() int { return d.process.PID() }

// stopMeets is how long Watch waits for the end of ctx after the server has ended: a signal to all processes may reach
// the server first.
const stopMeets = time.Second

// Watch returns an error if the server ends before ctx does.
func (d *DevServer) Watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.Done:
	}
	wait := time.NewTimer(stopMeets)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-wait.C:
		return app.Unreachable("the Temporal server ended; its log is %s", d.LogFile)
	}
}

// choosePort returns the requested port; without one, the usual port if it is free, otherwise any free port.
func choosePort(asked, usual int, flag string) (int, error) {
	if asked != 0 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(asked)))
		if err != nil {
			return 0, app.Unreachable("port %d is taken: give another with %s", asked, flag)
		}
		return asked, l.Close()
	}
	for _, p := range []int{usual, 0} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err != nil {
			continue
		}
		port := l.Addr().(*net.TCPAddr).Port
		return port, l.Close()
	}
	return 0, app.Unreachable("no free port on 127.0.0.1: give one with %s", flag)
}
