package channels_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a sink for one test.
func start(t *testing.T, opts devsinks.Options) *devsinks.Sink {
	t.Helper()
	s, err := devsinks.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the sink: %v", err)
		}
	})
	return s
}

// open opens one channel.
func open(t *testing.T, name string, cfg channels.Config) channel.Channel {
	t.Helper()
	all, err := channels.Shipped().Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := channels.Shipped().Close(all); err != nil {
			t.Errorf("closing the channels: %v", err)
		}
	})
	return all[name]
}

// secret signs in tests.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
