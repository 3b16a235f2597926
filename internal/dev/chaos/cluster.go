package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/childproc"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/journey"
)

//go:embed journeys second
var folders embed.FS

// cluster holds everything that runs and can be killed.
type cluster struct {
	o          options
	providers  *providers
	disk       *disk
	database   *database
	temporal   temporalServer
	temporalDB *testservers.Postgres // Temporal's own database, in the long form
	gateway    int                   // port
	programs   [2]program            // the build, and the next one
	clock      clock.Clock
	masterKey  string
	revisions  map[string]*journey.Definition // by revision

	mu       sync.Mutex
	children map[string]*child // serve, worker-1, worker-2
	next     bool              // the next build is in use
}

// program is one build of both commands.
type program struct{ tabi, worker string }

// child is a process of tabi.
type child struct {
	*childproc.Process
	log *os.File
}

// temporalServer is a Temporal server that can be killed and started again on its data.
type temporalServer interface {
	Start(context.Context) error
	Kill()
	Stop()
}

// startCluster starts everything and publishes the first release. Call end also where it returns an error.
func startCluster(ctx context.Context, o options, p *providers) (g *cluster, err error) {
	g = &cluster{o: o, providers: p, masterKey: newMasterKey(),
		children: map[string]*child{}, revisions: map[string]*journey.Definition{}}
	if err := g.compile(ctx); err != nil {
		return g, err
	}
	if g.disk, err = newDisk(filepath.Join(o.dir, "disk"), o.disk); err != nil {
		return g, err
	}
	if g.database, err = newDatabase(g.disk.dir, o.store); err != nil {
		return g, err
	}
	if g.temporal, err = g.newTemporal(ctx); err != nil {
		return g, err
	}
	if err := g.registerOther(ctx); err != nil {
		return g, err
	}
	if g.gateway, err = testservers.FreePort(); err != nil {
		return g, err
	}
	if err := g.setClock(ctx); err != nil {
		return g, err
	}
	if err := g.publish(ctx, false); err != nil {
		return g, err
	}
	for _, name := range []string{"serve", "worker-1", "worker-2"} {
		if err := g.start(name); err != nil {
			return g, err
		}
	}
	return g, g.ready(ctx)
}

// compile builds both commands twice, under different versions, and reads the journeys of both releases.
func (g *cluster) compile(ctx context.Context) error {
	for i := range g.programs {
		g.programs[i] = program{
			filepath.Join(g.o.dir, fmt.Sprintf("tabi-%d", i+1)),
			filepath.Join(g.o.dir, fmt.Sprintf("tabi-worker-%d", i+1)),
		}
		for out, main := range map[string]string{g.programs[i].tabi: "./starter", g.programs[i].worker: "./worker"} {
			flags := fmt.Sprintf("-X github.com/tabi-journeys/tabi/internal/app.Version=chaos-%d", i+1)
			if said, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", flags, "-o", out,
				main).CombinedOutput(); err != nil {
				return fmt.Errorf("go build %s: %w: %s", main, err, said)
			}
		}
	}
	for _, next := range []bool{false, true} {
		dir, err := g.folder(next)
		if err != nil {
			return err
		}
		files, err := app.ReadFolder(dir)
		if err != nil {
			return err
		}
		content, found := app.Build{}.Check(files)
		if found.Failed(false) {
			return fmt.Errorf("the journeys in %s have errors: tabi lint shows them", dir)
		}
		for _, d := range content.Journeys {
			g.revisions[d.Revision()] = d
		}
	}
	return nil
}

// folder writes the journeys of a release into a folder and returns it.
func (g *cluster) folder(next bool) (string, error) {
	dir := filepath.Join(g.o.dir, "first")
	layers := []string{"journeys"}
	if next {
		dir, layers = filepath.Join(g.o.dir, "second"), append(layers, "second")
	}
	for _, layer := range layers {
		err := fs.WalkDir(folders, layer, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := folders.ReadFile(path)
			if err != nil {
				return err
			}
			to := filepath.Join(dir, strings.TrimPrefix(path, layer))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			return os.WriteFile(to, data, 0o600)
		})
		if err != nil {
			return "", err
		}
	}
	return dir, nil
}

func (g *cluster) setClock(ctx context.Context) error {
	st, err := engine.Open(ctx, engine.Options{URL: g.database.url})
	if err != nil {
		return err
	}
	wall := clock.Wall().Truncate(time.Millisecond)
	g.clock = clock.Clock{Origin: wall, Epoch: wall, Scale: g.o.scale}
	return errors.Join(st.Customers.SetClock(ctx, g.clock), st.Close())
}

// publish publishes a folder as a release.
func (g *cluster) publish(ctx context.Context, next bool) error {
	dir, err := g.folder(next)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, g.programs[0].tabi, "publish", dir)
	cmd.Env = append(os.Environ(), "TABI_DATABASE="+g.database.url, "TABI_MASTER_KEYS="+g.masterKey)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("tabi publish: %w: %s", err, said)
	}
	return nil
}

func (g *cluster) gatewayURL() string { return "http://" + testservers.Local(g.gateway) }

// start starts one of tabi's processes from the build in use.
func (g *cluster) start(name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(g.o.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := g.command(name, g.gateway)
	cmd.Stdout, cmd.Stderr = log, log
	c, err := childproc.Start(cmd)
	if err != nil {
		_ = log.Close()
		return err
	}
	g.children[name] = &child{c, log}
	return nil
}

// command returns the command of a gateway ("serve") or a worker, from the build in use. mu must be held.
func (g *cluster) command(name string, port int) *exec.Cmd {
	build := g.programs[0]
	if g.next {
		build = g.programs[1]
	}
	args := []string{
		"--public-url",
		g.gatewayURL(),
		"--connect-timeout",
		"2m",
		"--log-format",
		"json",
	}
	path := build.worker
	if name == "serve" {
		path = build.tabi
		args = append([]string{"serve", "--insecure", "--listen", testservers.Local(port)}, args...)
	} else {
		args = append(args, "--metrics-listen", "", "--send-timeout", sendTimeout.String(), "--email-url",
			"smtp://"+g.providers.mail.address+"?tls=none",
			"--mail-from", "chaos@example.com", "--smtp-connections", "16",
			"--fcm-url", g.providers.keyed.base,
			"--sms-url", g.providers.keyed.base+"/sms", "--webhook-allow-private")
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(
		childproc.Environment(os.Environ()),
		"TEMPORAL_ADDRESS="+g.temporalAddress(),
		"TABI_DATABASE="+g.database.url,
		"TABI_MASTER_KEYS="+g.masterKey,
		"TABI_PSEUDONYMS=on",
		"TABI_FCM_CREDENTIALS="+g.providers.keyed.credentials,
		"TABI_SECRET=storms-k7x-and-m2q-monkeys",
		"TABI_SMS_SECRET=whsec_c21zc21zc21zc21zc21zc21zc21zc21zc21zc21z",
		"TABI_RESEND_WEBHOOK_SECRET="+reportSecret,
		"TABI_WEBHOOK_SECRET=whsec_Y2hhb3NjaGFvc2NoYW9zY2hhb3NjaGFvc2NoYW9z",
	)
	cmd.Dir = g.o.dir
	return cmd
}

// strangerPatience is how long a process may take to refuse its namespace.
const strangerPatience = 20 * time.Second

// stranger starts a gateway or a worker with the name of a namespace that exists and is not that of the store. It must
// refuse to start. What it does to journeys if it runs shows in the reconciliation.
func (g *cluster) stranger(ctx context.Context, name string) error {
	port, err := testservers.FreePort()
	if err != nil {
		return err
	}
	g.mu.Lock()
	cmd := g.command(name, port)
	g.mu.Unlock()
	cmd.Env = append(cmd.Env, "TEMPORAL_NAMESPACE="+otherNamespace)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	c, err := childproc.Start(cmd)
	if err != nil {
		return err
	}
	defer c.Kill()
	select {
	case <-c.Done:
		if err := c.Err(); err == nil {
			return fmt.Errorf("a %s with namespace %s ended without an error: %s", name, otherNamespace, said.String())
		}
		return nil
	case <-time.After(strangerPatience):
		return fmt.Errorf("a %s with namespace %s runs, want that it refuses to start", name, otherNamespace)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill kills one of tabi's processes with SIGKILL.
func (g *cluster) kill(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.children[name].Kill()
	_ = g.children[name].log.Close()
}

// stop ends a process with SIGTERM, as a deploy does. It returns how long that took.
func (g *cluster) stop(name string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	began := clock.Wall()
	g.children[name].Stop(30 * time.Second)
	_ = g.children[name].log.Close()
	return clock.Wall().Sub(began)
}

// revive restarts processes that ended by themselves, as an init system does. It returns their names.
func (g *cluster) revive() (names []string, err error) {
	for name, c := range g.children {
		if !c.Running() {
			_ = c.log.Close()
			names = append(names, name)
			if err := g.start(name); err != nil {
				return names, err
			}
		}
	}
	return names, nil
}

// ready waits until the gateway reports that everything is up.
func (g *cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := g.revive(); err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.gatewayURL()+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the gateway was not ready in two minutes")
		case <-tick.C:
		}
	}
}

// end stops everything.
func (g *cluster) end() {
	for _, c := range g.children {
		c.Stop(12 * time.Second)
	}
	if g.temporal != nil {
		g.temporal.Stop()
	}
	if g.temporalDB != nil {
		g.temporalDB.Remove()
	}
	if g.database != nil {
		g.database.remove()
	}
	if g.disk != nil {
		g.disk.close()
	}
}

// wallTime converts a virtual time to wall time.
func (g *cluster) wallTime(virtual time.Time) time.Time {
	return g.clock.Epoch.Add(g.clock.Real(virtual.Sub(g.clock.Origin)))
}
