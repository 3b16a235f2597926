package designer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func lintCommand(b app.Build) *cobra.Command {
	var (
		format string
		warn   bool
		said   bool
	)
	c := &cobra.Command{
		Use: "lint [PATH…]", Short: "Check journeys folders or files (default: journeys)",
		Long: "Checks everything and reports every problem with its place, as file:line:col: code: message. A file is checked as part " +
			"of its folder, but only the problems of the named file are shown.\n\n" +
			"Exit status: 0 no errors, 1 errors (with --strict also warnings), 2 a path cannot be read.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := terminal.CheckOutput(format, formats...); err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"journeys"}
			}
			found, n, err := lintPaths(c.Context(), b, args, said)
			if err != nil {
				return err
			}
			if err := terminal.Diagnostics(c.OutOrStdout(), format, found); err != nil {
				return err
			}
			errors, warnings := tally(found)
			if format == "text" {
				terminal.To(c.OutOrStdout()).Line("%s, %s, %s", terminal.Several(n, "file"), terminal.Several(errors, "error"),
					terminal.Several(warnings, "warning"))
			}
			if found.Failed(warn) {
				return app.Quiet(app.ExitBad)
			}
			return nil
		},
	}
	terminal.OutputFlag(c, &format, formats...)
	c.Flags().BoolVar(&said, "content", false, "also render messages for sample customers, and warn of what readers will stumble over")
	c.Flags().BoolVar(&warn, "strict", false, "also fail on warnings")
	return c
}

var formats = []string{"text", "json", "github"}

// lintPaths checks the folders of all paths, and returns the diagnostics of the paths and the number of their files.
func lintPaths(ctx context.Context, b app.Build, paths []string, said bool) (source.Diagnostics, int, error) {
	folders := map[string][]lint.File{}
	wanted := map[string]bool{} // files to report; all files of a named folder
	var order []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, 0, app.Usage("cannot read %s: no such file or folder, or no permission", path)
		}
		root := filepath.Clean(path)
		if !info.IsDir() {
			if !lint.IsSource(filepath.ToSlash(filepath.Clean(path))) {
				return nil, 0, app.Usage("%s is not a YAML file, nor a layout or block of messages", path)
			}
			root = app.FolderOf(path)
		}
		if _, read := folders[root]; !read {
			files, err := app.ReadFolder(root)
			if err != nil {
				return nil, 0, err
			}
			folders[root] = files
			order = append(order, root)
		}
		for _, f := range folders[root] {
			if info.IsDir() || f.Name == filepath.ToSlash(filepath.Clean(path)) {
				wanted[f.Name] = true
			}
		}
	}
	if len(wanted) == 0 {
		return nil, 0, app.Usage("there is no YAML file in %s", strings.Join(paths, ", "))
	}
	var found source.Diagnostics
	for _, root := range order {
		_, all := b.Check(folders[root])
		if said {
			more, err := lintContent(ctx, b, folders[root])
			if err != nil {
				return nil, 0, err
			}
			all = append(all, more...)
		}
		for _, d := range all {
			if wanted[d.File] {
				found = append(found, d)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b source.Diagnostic) int { return strings.Compare(a.File, b.File) })
	return found, len(wanted), nil
}

func tally(found source.Diagnostics) (errors, warnings int) {
	for _, d := range found {
		if d.Severity == source.Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}
