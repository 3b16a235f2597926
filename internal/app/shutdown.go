package app

import (
	"context"
	"errors"
	"os"
	"time"

	"go.uber.org/zap"
)

// stopLimit is how long a process may take to end once it is asked to.
const stopLimit = 9500 * time.Millisecond

// StopWithin exits the process if it has not ended within stopLimit of ctx's end, because some work hangs and cannot be
// canceled. Nothing is lost: the work resumes as after a crash. The caller calls stop when it has ended in time.
func StopWithin(ctx context.Context, log *zap.Logger) (stop func()) {
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		limit := time.NewTimer(stopLimit)
		defer limit.Stop()
		select {
		case <-ended:
		case <-limit.C:
			log.Error(
				"some work did not end in time: the process stops anyway, and the work resumes as after a crash",
				zap.Duration("limit", stopLimit),
			)
			_ = log.Sync()
			os.Exit(ExitBad)
		}
	}()
	return func() { close(ended) }
}

// After returns a context that ends d after ctx does, or when cancel is called.
func After(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if d <= 0 {
			cancel()
			return
		}
		time.AfterFunc(d, cancel)
	})
	return late, func() {
		stop()
		cancel()
	}
}

// Stopped returns nil if err only says that ctx ended, and err otherwise.
func Stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
