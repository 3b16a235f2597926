package cli

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

func resumeCommand() *cobra.Command {
	return pauser(contract.ResumeUpdate, "Resume what was paused", "What came due while it was paused happens now.")
}
