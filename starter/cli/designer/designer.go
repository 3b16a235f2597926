// Package designer has the commands for those who write journeys, one file each: they check, draw, compare and try.
package designer

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
)

// Commands returns the commands for designers.
func Commands(b app.Build) []*cobra.Command {
	return []*cobra.Command{
		lintCommand(b), testCommand(b), schemaCommand(b), graphCommand(b), diffCommand(b), replayCommand(b), intentsCommand(b),
		modelsCommand(), decideCommand(), previewCommand(b), testSendCommand(b),
	}
}
