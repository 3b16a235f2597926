package devmode

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"github.com/tabi-journeys/tabi/internal/app"
)

// lockPatience is how long dev waits for another one on its data folder to end.
const lockPatience = 500 * time.Millisecond

// lockDev locks a data folder for one dev, and returns a function that unlocks it. The system unlocks it when this process
// dies. If another dev has the lock, lockDev changes nothing, and its error says where that one is.
func lockDev(ctx context.Context, dataDir string) (unlock func(), err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, app.Unreachable("cannot create the data folder: %w; choose another one with --data-dir", err)
	}
	path := filepath.Join(dataDir, "dev.lock")
	lock := flock.New(path, flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	locked, err := lock.TryLockContext(ctx, lockPatience/10)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, app.Unreachable("cannot lock the data folder: %w; choose another one with --data-dir", err)
	}
	if !locked {
		return nil, app.Usage("tabi dev already runs on the data folder %s%s: use that one, stop it, or give another --data-dir", dataDir,
			holder(dataDir, path))
	}
	mine, err := json.Marshal(Running{PID: os.Getpid()})
	if err == nil {
		err = os.WriteFile(path, append(mine, '\n'), 0o600)
	}
	if err != nil {
		return nil, errors.Join(app.Unreachable("cannot write to the data folder: %w", err), lock.Close())
	}
	_ = os.Remove(runningFile(dataDir)) // of a dev that was killed
	return func() { _ = lock.Close() }, nil
}

// holder says which process has the lock, as far as it has said so.
func holder(dataDir, path string) string {
	if dev, ok := RunningDev(dataDir); ok {
		return " (pid " + strconv.Itoa(dev.PID) + ", " + dev.URL + ")"
	}
	var dev Running
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &dev) == nil && dev.PID > 0 {
		return " (pid " + strconv.Itoa(dev.PID) + ", still starting or stopping)"
	}
	return ""
}
