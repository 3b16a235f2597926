package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/grpc/stats"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

const (
	// checkEvery is how long an answer counts while the connection stays: a proxy may lead to another server without
	// a new connection of this process.
	checkEvery = 30 * time.Second
	// strangerEvery is how long it counts after a stranger answered, so that the process continues soon after the
	// right one is back.
	strangerEvery = 5 * time.Second
)

// Connections counts the connections that a client has made. It is the client's gRPC stats handler.
type Connections struct{ made atomic.Int64 }

var _ stats.Handler = (*Connections)(nil)

// HandleConn implements stats.Handler.
func (c *Connections) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnBegin); ok {
		c.made.Add(1)
	}
}

// TagConn implements stats.Handler.
func (*Connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// TagRPC implements stats.Handler.
func (*Connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (*Connections) HandleRPC(context.Context, stats.RPCStats) {}

// Guard knows whether a process talks to the namespace that its store belongs to.
//
// The invariant: nothing that a stranger says about an enrollment is believed, and nothing is delivered to it. Temporal
// may be replaced while a process runs: it ends, an empty one is started at the same address, and the client connects
// again. From then on every run is "not found". So the guard asks which namespace it is again after every new
// connection (Verified), and after every answer that would make an enrollment count as gone (Check).
type Guard struct {
	client    client.Client
	namespace string
	db        *sqldb.Database
	conns     *Connections
	log       *zap.Logger

	state atomic.Pointer[verdict] // the last answer; nil: none yet
	turn  sync.Mutex              // held while asking
}

// verdict is an answer about the namespace.
type verdict struct {
	began time.Time // when it was asked for, wall time
	conns int64     // connections made by then
	err   error     // nil, or a *StrangerError
}

// NewGuard returns the guard of a client. conns must be the stats handler of its connections.
func NewGuard(c client.Client, namespace string, db *sqldb.Database, conns *Connections, log *zap.Logger) *Guard {
	return &Guard{client: c, namespace: namespace, db: db, conns: conns, log: log}
}

// Ask returns the namespace that the client reaches.
func (g *Guard) Ask(ctx context.Context) (Identity, error) { return Ask(ctx, g.client, g.namespace) }

// Claim makes the namespace the home of a store that has none, unless another installation has runs there. It returns a
// *StrangerError if the home is another one, and an *OccupiedError for a store without a home whose namespace is taken.
func (g *Guard) Claim(ctx context.Context) error {
	found, err := Ask(ctx, g.client, g.namespace)
	if denied(err) {
		g.log.Warn("Temporal does not let this process ask which namespace it is: a wrong one cannot be noticed", zap.Error(err))
		return nil
	}
	if err != nil {
		return err
	}
	if _, ok, err := Home(ctx, g.db); err != nil {
		return err
	} else if !ok {
		if err := occupied(ctx, g.client, found); err != nil {
			return err
		}
	}
	home, err := claim(ctx, g.db, found)
	if err == nil && home.NamespaceID != found.NamespaceID {
		err = &StrangerError{Home: home, Found: found}
	}
	return err
}

// Check asks Temporal and the store now. It returns a *StrangerError if this is not the home of the store, and another
// error if nobody can tell.
func (g *Guard) Check(ctx context.Context) error {
	asked := clock.Wall()
	g.turn.Lock()
	defer g.turn.Unlock()
	if v := g.state.Load(); v != nil && v.began.After(asked) {
		return v.err // somebody else has asked since
	}
	next := verdict{began: clock.Wall(), conns: g.conns.made.Load()}
	found, err := Ask(ctx, g.client, g.namespace)
	if denied(err) { // Claim has said so
		g.state.Store(&next)
		return nil
	}
	if err != nil {
		return err
	}
	home, ok, err := Home(ctx, g.db)
	if err != nil {
		return err
	}
	if ok && home.NamespaceID != found.NamespaceID {
		next.err = &StrangerError{Home: home, Found: found}
	}
	before := g.Stranger()
	g.state.Store(&next)
	switch {
	case next.err != nil && before == nil:
		g.log.Error("Temporal is not the one that this database belongs to: this process delivers, closes and ends nothing until it is",
			zap.Error(next.err))
	case next.err == nil && before != nil:
		g.log.Info("Temporal is the one that this database belongs to again")
	}
	return next.err
}

// Verified is Check, except that an answer counts until there is a new connection, and at most 30 seconds: 5 after a
// stranger has answered. It is cheap.
func (g *Guard) Verified(ctx context.Context) error {
	if v := g.state.Load(); v != nil && v.conns == g.conns.made.Load() {
		every := checkEvery
		if v.err != nil {
			every = strangerEvery
		}
		if clock.Wall().Sub(v.began) < every {
			return v.err
		}
	}
	return g.Check(ctx)
}

// Stranger returns the last *StrangerError if Temporal was another one when it was last asked. It asks nobody.
func (g *Guard) Stranger() error {
	if v := g.state.Load(); v != nil {
		return v.err
	}
	return nil
}

// IsStranger reports whether err says that Temporal is another one.
func IsStranger(err error) bool { return errors.Is(err, ErrStranger) }

var descStranger = prometheus.NewDesc(
	"tabi_temporal_stranger",
	"1 while Temporal is another namespace than the one that the database belongs to, and this process acts on nothing; otherwise 0.",
	nil,
	nil,
)

// Describe implements prometheus.Collector.
func (g *Guard) Describe(out chan<- *prometheus.Desc) { out <- descStranger }

// Collect implements prometheus.Collector.
func (g *Guard) Collect(out chan<- prometheus.Metric) {
	value := 0.0
	if g.Stranger() != nil {
		value = 1
	}
	out <- prometheus.MustNewConstMetric(descStranger, prometheus.GaugeValue, value)
}
