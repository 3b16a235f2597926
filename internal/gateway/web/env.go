package web

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/rejection"
)

// Env is what every part of the gateway shares.
type Env struct {
	Now    func() time.Time            // virtual
	Wall   func() time.Time            // real
	Log    *zap.Logger                 //
	Limits Limits                      // of request bodies
	Doors  *rejection.Recorder         // what was refused or changed of what came in
	Ping   func(context.Context) error // reports whether the database answers
	// Proxies are the addresses of trusted reverse proxies; see Peer.
	Proxies []netip.Prefix
}

// Limits of request bodies. Zero values take the defaults.
type Limits struct {
	Body  int64 // bytes of a request body, before and after decompression; default 512 KiB
	Event int   // bytes of one Segment call; default 32 KiB
	Batch int   // Segment calls in a batch; default 1000
	Depth int   // nesting of JSON; default 64
}

// WithDefaults returns l with its zero values replaced.
func (l Limits) WithDefaults() Limits {
	if l.Body <= 0 {
		l.Body = 512 << 10
	}
	if l.Event <= 0 {
		l.Event = 32 << 10
	}
	if l.Batch <= 0 {
		l.Batch = 1000
	}
	if l.Depth <= 0 {
		l.Depth = 64
	}
	return l
}
