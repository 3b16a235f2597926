package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Running records for other commands where a `tabi dev` is. It stands in the data folder while dev runs.
type Running struct {
	URL      string      `json:"url"`      // of the gateway
	Temporal string      `json:"temporal"` // host:port
	UI       string      `json:"ui,omitempty"`
	SMTP     string      `json:"smtp"`
	Clock    clock.Clock `json:"clock"`
	PID      int         `json:"pid"`
}

func runningFile(dataDir string) string { return filepath.Join(dataDir, "dev.json") }

// RunningDev reads where the dev of a data folder is.
func RunningDev(dataDir string) (Running, bool) {
	var r Running
	data, err := os.ReadFile(runningFile(dataDir))
	if err != nil || json.Unmarshal(data, &r) != nil || r.URL == "" {
		return Running{}, false
	}
	return r, true
}

// write leaves the file, and returns a function that takes it away.
func (r Running) write(dataDir string) (remove func(), err error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	draft := runningFile(dataDir) + ".new"
	if err := os.WriteFile(draft, append(data, '\n'), 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(draft, runningFile(dataDir)); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(runningFile(dataDir)) }, nil
}

// UseDev points the configuration at the Temporal of a running dev, unless flag or environment say where Temporal is.
func (c *Config) UseDev(fs *pflag.FlagSet) {
	f := fs.Lookup("temporal-address")
	if f != nil && f.Changed || os.Getenv("TEMPORAL_ADDRESS") != "" || os.Getenv("TEMPORAL_PROFILE") != "" {
		return
	}
	if dev, ok := RunningDev(c.DataDir); ok {
		c.TemporalAddr = dev.Temporal
	}
}

// Stopped makes a start that was interrupted on purpose no error.
func Stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
