package operator

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

func resumeCommand() *cobra.Command {
	return pauser(contract.ResumeUpdate, "Resume a paused enrollment, or a whole journey",
		"Steps that came due during the pause run immediately.")
}
