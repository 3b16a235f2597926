package devmode

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// Running has the addresses of a running `tabi dev`, for other commands. It is a file in the data folder while dev runs.
type Running struct {
	URL      string      `json:"url"`      // of the gateway
	Temporal string      `json:"temporal"` // host:port
	UI       string      `json:"ui,omitempty"`
	SMTP     string      `json:"smtp"`
	Clock    clock.Clock `json:"clock"`
	PID      int         `json:"pid"`
}

func runningFile(dataDir string) string { return filepath.Join(dataDir, "dev.json") }

// RunningDev returns the addresses of the dev that runs on a data folder, if there is one.
func RunningDev(dataDir string) (Running, bool) {
	var r Running
	data, err := os.ReadFile(runningFile(dataDir))
	if err != nil || json.Unmarshal(data, &r) != nil || r.URL == "" {
		return Running{}, false
	}
	return r, true
}

// write writes the file, and returns a function that removes it.
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

// UseDev points a configuration at the Temporal server of a running dev, unless a flag or the environment has an
// address.
func UseDev(c *app.Config, fs *pflag.FlagSet) {
	f := fs.Lookup("temporal-address")
	if f != nil && f.Changed || os.Getenv("TEMPORAL_ADDRESS") != "" || os.Getenv("TEMPORAL_PROFILE") != "" {
		return
	}
	if dev, ok := RunningDev(c.DataDir); ok {
		c.TemporalAddr = dev.Temporal
	}
}
