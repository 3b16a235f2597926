package devmode

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// folderPause is the pause between two looks at a journeys folder.
const folderPause = time.Second

// folder is a journeys folder that dev keeps published.
type folder struct {
	dev      *Dev
	services *app.Services
	seen     string // fingerprint of what was last checked
	broken   string // the last reading error, which is reported once
	starts   atomic.Pointer[[]devsinks.Way]
}

// first publishes the folder. A folder with errors does not keep dev from starting: the previous release stays in effect.
func (f *folder) first(ctx context.Context) error {
	if f.dev.Journeys == "" {
		return nil
	}
	files, err := app.ReadFolder(f.dev.Journeys)
	if err != nil {
		return err
	}
	f.publish(ctx, files)
	return nil
}

// watch publishes the folder again whenever it has changed.
func (f *folder) watch(ctx context.Context) error {
	tick := time.NewTicker(folderPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if f.dev.Journeys == "" {
			continue
		}
		files, err := app.ReadFolder(f.dev.Journeys)
		if err != nil {
			if f.broken != err.Error() {
				f.broken = err.Error()
				f.dev.Refused(err)
			}
			continue
		}
		f.broken = ""
		if app.Fingerprint(files) != f.seen {
			f.publish(ctx, files)
		}
	}
}

func (f *folder) publish(ctx context.Context, files []lint.File) {
	f.seen = app.Fingerprint(files)
	content, tests, found := f.dev.Config.Build.CheckScenarios(files)
	f.dev.Linted(files, found)
	if found.Failed(false) {
		return
	}
	p, err := f.services.Publish(ctx, content)
	switch {
	case err != nil && ctx.Err() == nil:
		f.dev.Refused(err)
	case err == nil:
		starts := startsOf(content, tests)
		f.starts.Store(&starts)
		f.dev.Published(p)
	}
}
