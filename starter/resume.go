package main

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/workflows"
)

func resumeCommand() *cobra.Command {
	return pauser(workflows.ResumeUpdate, "Resume what was paused", "What came due while it was paused happens now.")
}
