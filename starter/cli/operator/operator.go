// Package operator has the commands for those who run tabi, one file each: they ask and change what is live.
package operator

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
)

// Commands returns the commands for operators.
func Commands(b app.Build) []*cobra.Command {
	return []*cobra.Command{
		enrollCommand(), trackCommand(), bounceCommand(), importCommand(), listCommand(), statusCommand(b), cancelCommand(), pauseCommand(),
		resumeCommand(), deadLetterCommand(), rejectedCommand(), addressesCommand(), customerCommand(), handoffCommand(),
		sessionsCommand(), reconcileCommand(b), auditCommand(), keysCommand(b), doctorCommand(b),
		clusterCommand(b), restartCommand(b), migrateCommand(), reportCommand(), resultsGroup(),
	}
}
