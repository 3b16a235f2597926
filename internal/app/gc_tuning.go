package app

import (
	"os"
	"runtime/debug"
)

// gatewayGC is the GC percentage of a gateway: how much garbage it may make before a collection, in percent of its live
// heap. A gateway has a small live heap and makes much garbage. At Go's default of 100, collecting a heap of a few MiB
// many times a second took a fifth of its CPU time.
const gatewayGC = 400

// TuneGateway tunes the garbage collector for a process that accepts events, unless GOGC is set.
func TuneGateway() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gatewayGC)
	}
}
