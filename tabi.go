// Package tabi builds the commands tabi and tabi-worker.
package tabi

import (
	"os"

	starter "github.com/tabi-journeys/tabi/starter/cli"
	worker "github.com/tabi-journeys/tabi/worker/cli"
)

// Main is the main function of tabi. It ends the process.
func Main() { os.Exit(starter.Main()) }

// WorkerMain is the main function of tabi-worker. It ends the process.
func WorkerMain() { os.Exit(worker.Main()) }
