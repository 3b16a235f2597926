package app

import (
	"os"
	"runtime/debug"
)

// gatewayGC is how much garbage a gateway may make before it is collected, in percent of what lives. It keeps
// little and makes much: at Go's default of 100 it collects a heap of a few MiB many times a second, which took
// a fifth of its CPU time.
const gatewayGC = 400

// TuneGateway sets the collector for a process that takes events in, unless GOGC is set.
func TuneGateway() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gatewayGC)
	}
}
