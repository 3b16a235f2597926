package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// Server returns an HTTP server with timeouts and a header limit, so that slow or endless clients hold no resources. What it has to say,
// such as a failed TLS handshake, goes to log at level info.
func Server(handler http.Handler, log *zap.Logger) *http.Server {
	said, _ := zap.NewStdLogAt(log, zap.InfoLevel) // fails for an unknown level only
	return &http.Server{
		ErrorLog:          said,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
}

// Serve accepts requests on l until ctx ends, then lets running requests finish for up to eight seconds and closes l. A
// graceful end is nil.
func Serve(ctx context.Context, srv *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	if served := <-failed; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return err
}

// shutdownGrace is how long running requests may take after the server was asked to stop (wall time).
const shutdownGrace = 8 * time.Second
