package devmode

import (
	"context"
	"testing"

	"github.com/tabi-journeys/tabi/internal/app"
)

func TestLoopback(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{"127.0.0.1:8080": true, "localhost:1": true, "[::1]:1": true, ":8080": false,
		"0.0.0.0:1": false, "10.0.0.1:1": false, "8080": false} {
		if err := loopback(address); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A signal to all processes may reach Temporal first: that it ends is no failure then. One that ends alone is.
func TestServerThatEndsDuringShutdownIsNoError(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	close(done)
	ctx, stop := context.WithTimeout(t.Context(), stopMeets/10)
	defer stop()
	if err := (&DevServer{Done: done}).Watch(ctx); err != nil {
		t.Errorf("stopped with us: %v", err)
	}
	if err := (&DevServer{Done: done, LogFile: "x.log"}).Watch(t.Context()); app.ExitCode(err) != app.ExitUnreachable {
		t.Errorf("ended alone: %v", err)
	}
}
