package main

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// Machine describes where the figures were measured.
type Machine struct {
	OS     string `json:"os"`
	Kernel string `json:"kernel,omitempty"`
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory,omitempty"`
	Load   string `json:"load_before,omitempty"` // averages over 1, 5 and 15 minutes when the run began
}

func thisMachine() Machine {
	m := Machine{
		OS:     runtime.GOOS + "/" + runtime.GOARCH,
		Cores:  runtime.NumCPU(),
		Kernel: firstLine("/proc/sys/kernel/osrelease"),
		Memory: field("/proc/meminfo", "MemTotal"),
		CPU:    field("/proc/cpuinfo", "model name"),
	}
	if words := strings.Fields(firstLine("/proc/loadavg")); len(words) > 2 {
		m.Load = strings.Join(words[:3], " ")
	}
	return m
}

// versionLine returns the first line that a program in bin or PATH prints; empty where there is none.
func versionLine(name string, args ...string) string {
	path, err := testservers.Find(name)
	if err != nil {
		return ""
	}
	out, _ := exec.Command(path, args...).Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func firstLine(path string) string {
	data, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}

// field returns the value of the first line `name: value` of a file.
func field(path, name string) string {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// versions returns the versions of Go, of this tree and of its main dependencies.
func versions() map[string]string {
	out := map[string]string{"go": runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			out["tabi"] = s.Value
		}
	}
	if out["tabi"] == "" { // go run does not stamp it
		described, _ := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
		out["tabi"] = strings.TrimSpace(string(described))
	}
	for _, d := range info.Deps {
		switch d.Path {
		case "go.temporal.io/sdk", "go.temporal.io/api", "modernc.org/sqlite", "github.com/jackc/pgx/v5":
			out[d.Path] = d.Version
		}
	}
	return out
}
