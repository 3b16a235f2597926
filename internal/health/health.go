// Package health asks a process of tabi on this host whether it is ready.
package health

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
)

// healthTimeout bounds the answer of a process that is asked for its health (wall time).
const healthTimeout = 5 * time.Second

// Command is the command `health` of both programs: it asks the process on this host whether it is ready, for images
// without a shell. listen is the variable with the address that the process listens on, and address its default; certificate is the
// variable that makes it speak TLS.
func Command(listen, address, certificate string) *cobra.Command {
	var url string
	var live bool
	c := &cobra.Command{
		Use: "health", Short: "Ask the process on this host whether it is ready",
		Long: "Asks the process that listens on " + listen + " of this host for /readyz, for the health checks of containers. " +
			"Exit status: 0 ready, 1 not ready, 3 no answer within " + healthTimeout.String() + ".",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if url == "" {
				url = healthURL(os.Getenv(listen), address, os.Getenv(certificate) != "")
			}
			path := "/readyz"
			if live {
				path = "/healthz"
			}
			return askHealth(c.Context(), strings.TrimRight(url, "/")+path, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&url, "url", "", "address of the process; empty: as "+listen+" says, on this host")
	c.Flags().BoolVar(&live, "live", false, "ask /healthz: whether the process runs, whatever it reaches")
	return c
}

// healthURL returns where a process on this host answers that listens on an address.
func healthURL(listen, otherwise string, encrypted bool) string {
	if listen == "" {
		listen = otherwise
	}
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if encrypted {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// askHealth prints what the process answers. The certificate is not checked: it names the host that customers reach, and the
// answer is public.
func askHealth(ctx context.Context, url string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return app.Usage("%q is not a URL", url)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return app.Unreachable("nothing answers: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(out, io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode != http.StatusOK {
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("not ready: " + resp.Status)}
	}
	return nil
}
