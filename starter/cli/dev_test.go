package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/childproc"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// limit is the longest that anything here may take, on a busy machine.
const limit = 2 * time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(limit)
	defer end.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// devProcess is a `tabi dev` of a test.
type devProcess struct {
	cmd  *exec.Cmd
	out  *childproc.Output
	data string
	done chan struct{}
	devmode.Running
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := testservers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// startDev runs dev on a journeys folder and waits until it is ready.
func startDev(t *testing.T, journeys, data string, more ...string) *devProcess {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "temporal")); err != nil {
		t.Fatalf("there is no bin/temporal: run make build (%v)", err)
	}
	d := &devProcess{out: &childproc.Output{}, data: data, done: make(chan struct{})}
	args := append(
		[]string{"dev", journeys, "--headless", "--data-dir", data, "--listen", "127.0.0.1:0", "--temporal-port", freePort(t)},
		more...)
	d.cmd = exec.Command("tabi", args...)
	d.cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.cmd.Wait(); close(d.done) }()
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.done:
		case <-time.After(limit):
			_ = d.cmd.Process.Kill()
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(data, "temporal.log"))
			t.Logf("tabi dev said:\n%s\nTemporal said:\n%s", d.out, log)
		}
	})
	eventually(t, "tabi dev is ready", func() bool {
		select {
		case <-d.done:
			t.Fatalf("tabi dev ended: %s", d.cmd.ProcessState)
		default:
		}
		return strings.Contains(d.out.String(), "tabi is ready")
	})
	var ok bool
	if d.Running, ok = devmode.RunningDev(data); !ok {
		t.Fatal("the data folder does not say where dev is")
	}
	return d
}

// listens reports whether something answers at an address.
func listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

const helloJourney = `journey: hello
entry: {event: Signed Up}
goal: {event: Order Completed}
steps:
  - id: pause
    wait: 30d
`

func writeJourney(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "hello.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Everything in one process on a real Temporal: an event enters a journey, orders reach it, a saved file is
// published, a broken one is not, and nothing is left running at the end.
func TestDev(t *testing.T) {
	t.Parallel()
	journeys, data := t.TempDir(), t.TempDir()
	writeJourney(t, journeys, helloJourney)
	d := startDev(t, journeys, data)

	command := func(want int, args ...string) string {
		t.Helper()
		status, out, errs := tabi(t.Context(), append(args, "--data-dir", data)...)
		if status != want {
			t.Fatalf("tabi %v ended with %d, want %d: %s%s", args, status, want, out, errs)
		}
		return out + errs
	}
	enrollment := func() api.Enrollment {
		t.Helper()
		var list api.EnrollmentList
		if err := json.Unmarshal([]byte(command(0, "list", "--customer", "ana", "-o", "json")), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Enrollments) != 1 {
			t.Fatalf("%d enrollments, want one", len(list.Enrollments))
		}
		return list.Enrollments[0]
	}

	if said := command(0, "track", "Signed Up", "--customer", "ana", "--id", "e1"); !strings.Contains(said, "entered: hello/ana") {
		t.Errorf("event said %q", said)
	}
	if said := command(0, "track", "Signed Up", "--customer", "ana", "--id", "e1"); !strings.Contains(said, "accepted before") {
		t.Errorf("the same event again said %q", said)
	}
	eventually(t, "the enrollment waits", func() bool { return enrollment().Step == "pause" })
	said := ""
	eventually(t, "the run answers", func() bool { // not while its worker does a task again, as on a slow machine
		said = command(0, "status", "hello/ana")
		return !strings.Contains(said, "does not answer")
	})
	for _, want := range []string{"hello/ana: open", "pause (wait)", "  until ", " UTC\n", "  story\n", "entered by Signed Up"} {
		if !strings.Contains(said, want) || strings.Contains(said, "{") {
			t.Errorf("status does not say %q: %s", want, said)
		}
	}
	command(1, "status", "hello/nobody")
	if said := command(2, "list", "--journey", "nosuch"); !strings.Contains(said, `no such journey: "nosuch"`) {
		t.Errorf("list of an unknown journey said %q", said)
	}
	if said := command(0, "list", "--journey", "hello", "--customer", "nobody"); !strings.Contains(said, "no enrollments") {
		t.Errorf("list of nobody said %q", said)
	}
	command(2, "enroll", "unknown", "--customer", "bo")
	if said := command(0, "enroll", "hello", "--customer", "Bo Li"); !strings.Contains(said, "hello/Bo%20Li") {
		t.Errorf("start said %q", said)
	}
	if said := command(0, "cancel", "hello/Bo Li"); !strings.Contains(said, "hello/Bo%20Li: cancel requested") {
		t.Errorf("exit said %q", said)
	}
	if said := command(0, "enroll", "hello", "--customer", "bo"); !strings.Contains(said, "hello/bo") {
		t.Errorf("start said %q", said)
	}
	command(0, "pause", "hello/ana")
	eventually(t, "the enrollment is paused", func() bool { return enrollment().Paused })
	command(0, "resume", "hello/ana")
	eventually(t, "the enrollment continues", func() bool { return !enrollment().Paused })
	command(0, "cancel", "hello/ana", "--reason", "asked to")
	eventually(t, "the enrollment has ended", func() bool { return enrollment().Outcome == "cancelled" })
	if said := command(0, "track", "Door Opened", "--customer", "ana"); !strings.Contains(said, "no journey was entered") {
		t.Errorf("an event that nobody listens to said %q", said)
	}
	for _, want := range []string{"closed: cancelled", "asked to", "ended ", "  story\n"} {
		if said := command(0, "status", "hello/ana"); !strings.Contains(said, want) || strings.Contains(said, "until") ||
			strings.Contains(said, "since") {
			t.Errorf("status of an ended one does not say %q: %s", want, said)
		}
	}
	if said := command(0, "reconcile"); !strings.Contains(said, "0 closed") {
		t.Errorf("reconcile said %q", said)
	}

	second := exec.Command("tabi", "dev", journeys, "--headless", "--data-dir", data, "--listen", "127.0.0.1:0")
	if said, _ := second.CombinedOutput(); second.ProcessState.ExitCode() != 2 ||
		!strings.Contains(string(said), fmt.Sprintf("already runs on the data folder %s (pid %d, %s)", data, d.cmd.Process.Pid, d.URL)) {
		t.Errorf("a second dev said %s", said)
	}
	if now, ok := devmode.RunningDev(data); !ok || now != d.Running || !listens(d.Temporal) {
		t.Errorf("the second dev did something to the first: %+v, %v", now, ok)
	}
	eventually(t, "entries are said", func() bool { return strings.Contains(d.out.String(), "hello/ana entered by Signed Up") })
	for _, page := range []string{"/journeys\n", "/customers\n", "/report\n", "/inbox\n"} {
		if !strings.Contains(d.out.String(), page) {
			t.Errorf("it does not name %q", page)
		}
	}

	test := "test: hello\nscenarios:\n  - {name: wrong, timeline: [{at: 0m, event: Signed Up}], expect: {outcome: goal}}\n"
	if err := os.WriteFile(filepath.Join(journeys, "hello.test.yaml"), []byte(test), 0o600); err != nil {
		t.Fatal(err)
	}
	writeJourney(t, journeys, strings.Replace(helloJourney, "30d", "31d", 1))
	eventually(t, "failing scenarios are said", func() bool {
		return strings.Contains(d.out.String(), "! 1 of 1 scenario failed") && strings.Contains(d.out.String(), "hello.test.yaml: wrong")
	})
	eventually(t, "the saved file is published", func() bool { return strings.Contains(d.out.String(), "~ journey hello") })
	writeJourney(t, journeys, helloJourney+"nonsense: 1\n")
	eventually(t, "the broken file is not", func() bool { return strings.Contains(d.out.String(), "not published") })
	if err := os.Rename(filepath.Join(journeys, "hello.yaml"), filepath.Join(journeys, "hello.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(journeys, "hello.test.yaml")); err != nil {
		t.Fatal(err)
	}
	other := []byte(strings.Replace(helloJourney, "hello", "other", 1))
	if err := os.WriteFile(filepath.Join(journeys, "other.yaml"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "open enrollments of a removed journey are said", func() bool {
		return strings.Contains(d.out.String(), "- journey hello: 1 open enrollment continues on its revision")
	})
	if answer, err := http.Get(d.URL + "/readyz"); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("not ready any more: %v, %v", answer, err)
	}

	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "tabi dev has ended", func() bool {
		select {
		case <-d.done:
			return true
		default:
			return false
		}
	})
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("tabi dev ended with %d", code)
	}
	if said := d.out.String(); !strings.Contains(said, "stop it with Ctrl-C") ||
		!strings.HasSuffix(said, "tabi has stopped; its data is in "+data+"\n") {
		t.Errorf("it does not say how to stop it, and that it has stopped: %s", said)
	}
	if listens(d.Temporal) {
		t.Errorf("Temporal still listens at %s", d.Temporal)
	}
	if _, ok := devmode.RunningDev(data); ok {
		t.Error("the data folder still says that dev runs")
	}
	command(3, "list", "--url", d.URL)
}

// Killed without a chance to clean up, dev leaves no server behind, and starts again on its data; the clock of
// the data stays.
func TestDevKilled(t *testing.T) {
	t.Parallel()
	journeys, data := t.TempDir(), t.TempDir()
	writeJourney(t, journeys, helloJourney)
	d := startDev(t, journeys, data, "--time-scale", "60", "--time-origin", "2026-03-02")
	if status, _, errs := tabi(t.Context(), "track", "Signed Up", "--customer", "ana", "--url", d.URL); status != 0 {
		t.Fatal(errs)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Temporal went with it", func() bool { return !listens(d.Temporal) })

	again := startDev(t, journeys, data)
	if !strings.Contains(again.out.String(), "1m in a second, from 2026-03-02") {
		t.Errorf("another clock: %s", again.out)
	}
	if again.Clock != d.Clock {
		t.Errorf("clock %+v, want %+v", again.Clock, d.Clock)
	}
	status, out, errs := tabi(t.Context(), "list", "--url", again.URL)
	if status != 0 || !strings.Contains(out, "hello/ana") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// Data that has events keeps its clock: another is refused, with what to do.
func TestDevRefusesAnotherClock(t *testing.T) {
	t.Parallel()
	journeys, data := t.TempDir(), t.TempDir()
	writeJourney(t, journeys, helloJourney)
	d := startDev(t, journeys, data)
	if status, _, errs := tabi(t.Context(), "track", "Signed Up", "--customer", "ana", "--url", d.URL); status != 0 {
		t.Fatal(errs)
	}
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Temporal has ended", func() bool { return !listens(d.Temporal) })
	<-d.done
	var cmd *exec.Cmd
	var said []byte
	for range 5 {
		cmd = exec.Command(
			"tabi",
			"dev",
			journeys,
			"--headless",
			"--data-dir",
			data,
			"--listen",
			"127.0.0.1:0",
			"--temporal-port",
			freePort(t),
			"--time-scale",
			"3600",
		)
		cmd.Env = d.cmd.Env
		if said, _ = cmd.CombinedOutput(); !strings.Contains(string(said), "Temporal server ended") {
			break // otherwise somebody took the port before Temporal did
		}
	}
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(said), "runs on another clock (real time)") ||
		!strings.Contains(string(said), "--data-dir") {
		t.Errorf("ended with %d: %s", cmd.ProcessState.ExitCode(), said)
	}
}
