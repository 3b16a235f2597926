package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Clocks that differ are no fault within two seconds, worth a look until thirty, and a fault above.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for skew, want := range map[time.Duration]Level{
		0: OK, 2 * time.Second: OK, 3 * time.Second: Warn, 30 * time.Second: Warn, 31 * time.Second: Fail, 24 * time.Hour: Fail,
	} {
		var r report
		judgeSkew(&r, skew)
		if len(r.findings) != 1 || r.findings[0].Level != want || want != OK && !strings.Contains(r.findings[0].Do, "NTP") {
			t.Errorf("%s: %+v, want %s", skew, r.findings, want)
		}
	}
}

// An error of Temporal's client says what happened, and leads to what to do.
func TestTemporalErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		`failed reaching server: desc = "transport: Error while dialing: dial tcp: connection refused"`: {
			"Error while dialing: dial tcp: connection refused", "start it"},
		`failed reaching server: desc = "transport: authentication handshake failed: tls: failed to verify certificate"`: {
			"authentication handshake failed: tls: failed to verify certificate", "TEMPORAL_TLS_"},
		`failed reaching server: connection error: desc = "error reading server preface: EOF"`: {
			"error reading server preface: EOF", "set TEMPORAL_TLS"},
		"context deadline exceeded": {"context deadline exceeded", "TEMPORAL_ADDRESS"},
	} {
		err := errors.New(text)
		if got, do := temporalCause(err), temporalRemedy(err); got != want[0] || !strings.Contains(do, want[1]) {
			t.Errorf("%s: %q, %q", text, got, do)
		}
	}
}
