// Package background does the work of an installation that nobody waits for: it compares enrollments with Temporal,
// enters customers by schedule, recomputes intents, learns from outcomes, and deletes what retention no longer keeps.
//
// Every process that runs a relay runs these jobs too. Any number may run side by side: a page of a job either leases
// its rows or changes nothing when it is repeated.
package background

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Enrollments is what the reconciler asks of the enrollments, and changes in them.
type Enrollments interface {
	List(ctx context.Context, f enrollment.Filter) ([]unit.Enrollment, error)
	ClosedOf(ctx context.Context, ids []string) ([]unit.Enrollment, error)
	Known(ctx context.Context, ids []string) (map[string]bool, error)
	CloseAs(ctx context.Context, now time.Time, id string, ended contract.Ended) (closed bool, err error)
	Restart(ctx context.Context, now time.Time, id string, alive, dryRun bool) (enrollment.Restarted, error)
	MarkMissing(ctx context.Context, wall time.Time, missing, found []string) error
}

// Schedules enters customers at the moments their journeys name.
type Schedules interface {
	RunSchedules(ctx context.Context, now, wall time.Time) (more bool, err error)
	NextSchedule(ctx context.Context, now time.Time) (time.Time, error)
}

// Intents recomputes scores whose definition a release has changed, and deletes old evidence that no longer counts.
type Intents interface {
	Recompute(ctx context.Context, now time.Time, limit int) (more bool, err error)
	PruneEvidence(ctx context.Context, now time.Time, keep time.Duration, customers []string) (n int64, err error)
}

// Offers learns from the outcomes of offers, and deletes old decisions.
type Offers interface {
	Learn(ctx context.Context, now time.Time, limit int) (n int, err error)
	PruneDecisions(ctx context.Context, now time.Time, keep time.Duration, limit int) (n int64, more bool, err error)
}

// Handoffs returns to their queues the hand-offs whose agents have given no sign for a while.
type Handoffs interface {
	ReturnIdle(ctx context.Context, now, wall time.Time, idle time.Duration, limit int) (n int, err error)
}

// Notices tell the staff of hand-offs.
type Notices interface {
	Notify(ctx context.Context, now time.Time) (more bool, err error)
}

// noticeEvery is how often hand-offs are looked for of which the staff was not told (wall time).
const noticeEvery = 2 * time.Second

// Forgets has the requests to forget a customer that are not done.
type Forgets interface {
	OpenRequests(ctx context.Context, after string) ([]string, error)
}

// Sessions deletes the rows of sessions whose absolute limit has passed.
type Sessions interface {
	PruneSessions(ctx context.Context, wall time.Time) (n int64, err error)
}

// DefaultHandoffReturn is how long a claimed hand-off stays with an agent who gives no sign, in wall time, unless configured
// otherwise.
const DefaultHandoffReturn = 30 * time.Minute

// sessionsEvery is how often old sessions are deleted (wall time). They open nothing before.
const sessionsEvery = 10 * time.Minute

// Mailbox has the mails that were returned.
type Mailbox interface {
	Page(ctx context.Context) (more bool, err error)
}

// Audit logs the entries of the audit log.
type Audit interface {
	Log(ctx context.Context, log *zap.Logger, limit int) (more bool, err error)
}

// Config configures the jobs. A negative interval turns its job off.
type Config struct {
	Enrollments Enrollments
	Starts      Starts
	Schedules   Schedules
	Intents     Intents
	Offers      Offers
	Handoffs    Handoffs
	Notices     Notices // nil: nobody is told
	Audit       Audit
	Forgets     Forgets  // nil: none
	Sessions    Sessions // nil: none are deleted
	Mailbox     Mailbox  // of bounces; nil: there is none to read
	Hits        Hits     // requests for tracked links; nil: none are judged
	Intake      Intake   // required with Hits
	Profiles    Profiles // required with Hits
	Client      client.Client
	Home        relay.Home  // nil: any Temporal is the right one
	Clock       clock.Clock // of the installation
	Logger      *zap.Logger // default: none
	AuditLog    *zap.Logger // for entries of the audit log; default: none

	ReconcileEvery time.Duration    // default 1 min, for one page of enrollments and one of runs
	ScheduleEvery  time.Duration    // how often other processes' releases are looked for; default 1 s
	IntentEvery    time.Duration    // how often other processes' releases are looked for; default 1 s
	LearnEvery     time.Duration    // default 5 s
	AuditEvery     time.Duration    // how often entries of the audit log are logged; default 2 s
	PruneEvery     time.Duration    // default 1 min
	JudgeEvery     time.Duration    // how often requests for tracked links are judged, in virtual time; default 500 ms
	ForgetEvery    time.Duration    // how often requests to forget a customer are looked for; default 2 s
	HandoffReturn  time.Duration    // how long a hand-off stays with an agent who gives no sign, in wall time; 0: forever
	MailboxEvery   time.Duration    // how often the mailbox of bounces is read; default 1 min
	WalkEvery      time.Duration    // between two pages of customers whose old rows are deleted; default 1 s
	Keep           retention.Policy // how long each kind of data is kept; nil: forever, and nothing is deleted
	Retention      Retention        // deletes; required with Keep

	returnEvery time.Duration // of HandoffReturn
	noticeEvery time.Duration // of Notices
}

// Jobs runs the jobs until its context ends.
type Jobs struct {
	cfg        Config
	reconciler *Reconciler
	found      reconciled
	deleted    *prometheus.CounterVec // rows, by kind of data
	reactions  *prometheus.CounterVec // requests for tracked links and pixels, by what was found about them
	swept      time.Time              // when old hits were deleted last; wall, of the job alone
	turn       turn
}

// New returns the jobs of cfg.
func New(cfg Config) *Jobs {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.AuditLog == nil {
		cfg.AuditLog = zap.NewNop()
	}
	if cfg.ReconcileEvery == 0 {
		cfg.ReconcileEvery = time.Minute
	}
	if cfg.ScheduleEvery == 0 {
		cfg.ScheduleEvery = time.Second
	}
	if cfg.IntentEvery == 0 {
		cfg.IntentEvery = time.Second
	}
	if cfg.LearnEvery == 0 {
		cfg.LearnEvery = 5 * time.Second
	}
	if cfg.AuditEvery == 0 {
		cfg.AuditEvery = 2 * time.Second
	}
	if cfg.Audit == nil {
		cfg.AuditEvery = -1
	}
	if cfg.PruneEvery == 0 {
		cfg.PruneEvery = time.Minute
	}
	if cfg.ForgetEvery == 0 {
		cfg.ForgetEvery = 2 * time.Second
	}
	if cfg.Forgets == nil {
		cfg.ForgetEvery = -1
	}
	if cfg.MailboxEvery == 0 {
		cfg.MailboxEvery = time.Minute
	}
	if cfg.Mailbox == nil {
		cfg.MailboxEvery = -1
	}
	if cfg.JudgeEvery == 0 {
		cfg.JudgeEvery = 500 * time.Millisecond
	}
	if cfg.Hits == nil {
		cfg.JudgeEvery = -1
	}
	if cfg.WalkEvery == 0 {
		cfg.WalkEvery = walkEvery
	}
	if cfg.Keep == nil {
		cfg.PruneEvery, cfg.WalkEvery = -1, -1
	}
	if cfg.Notices != nil {
		cfg.noticeEvery = noticeEvery
	}
	if cfg.HandoffReturn > 0 {
		cfg.returnEvery = min(cfg.HandoffReturn/4, time.Minute)
	}
	return &Jobs{cfg: cfg, deleted: newDeleted(), reactions: newReactions(), turn: newTurn(), reconciler: NewReconciler(ReconcilerConfig{
		Enrollments: cfg.Enrollments, Starts: cfg.Starts, Client: cfg.Client, Home: cfg.Home, Clock: cfg.Clock,
	})}
}

// jobs is the table of all jobs. A new job is a line here.
func (j *Jobs) jobs() []job {
	return []job{
		{name: "running schedules", every: j.cfg.ScheduleEvery, page: j.enterBySchedule, rest: j.untilNextSchedule},
		{name: "recomputing intents", every: j.cfg.IntentEvery, page: j.recomputeIntents},
		{name: "learning from outcomes", every: j.cfg.LearnEvery, page: j.learn},
		{name: "counting opens and clicks", every: j.cfg.JudgeEvery, page: j.judgeHits, rest: j.untilNextJudgment},
		{name: "returning idle hand-offs", every: j.cfg.returnEvery, page: j.returnHandoffs},
		{name: "telling the staff of hand-offs", every: j.cfg.noticeEvery, page: j.notify},
		{name: "logging the audit log", every: j.cfg.AuditEvery, page: j.logAudit},
		{name: "starting to forget customers", every: j.cfg.ForgetEvery, page: j.startForgets},
		{name: "reading the bounce mailbox", every: j.cfg.MailboxEvery, page: j.readMailbox},
		{name: "deleting old sessions", every: sessionsEvery, page: j.pruneSessions, late: true},
		{name: "retention cleanup", every: j.cfg.PruneEvery, page: j.pruneByTime, late: true},
		{name: "retention cleanup by customer", every: j.cfg.WalkEvery, page: j.pruneByCustomer(), late: true},
		{name: "reconciling enrollments", every: j.cfg.ReconcileEvery, page: j.closeGone(), late: true},
		{name: "reconciling runs", every: j.cfg.ReconcileEvery, page: j.lookAtRuns(), late: true},
	}
}

// Run runs every job until ctx ends, then lets the pages in progress finish.
func (j *Jobs) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, one := range j.jobs() {
		if one.every > 0 {
			running.Go(func() { one.loop(ctx, j.cfg.Logger) })
		}
	}
	running.Wait()
	<-ctx.Done() // with every job off
	return nil
}

const (
	// intentPage is how many customers' intents are recomputed in one transaction. Their other writers wait for it.
	intentPage = 10
	// learnPage is how many outcomes are learned in one transaction.
	learnPage = 500
	// auditPage is how many entries of the audit log are logged in one transaction.
	auditPage = 500
	// handoffPage is how many hand-offs are returned to their queues before the job looks again.
	handoffPage = 100
	// prunePage is how many decisions are deleted in one transaction, and how many customers' evidence is
	// looked through.
	prunePage = 500
)

func (j *Jobs) now() time.Time { return clock.Now(j.cfg.Clock) }

func (j *Jobs) recomputeIntents(ctx context.Context) (more bool, err error) {
	return j.cfg.Intents.Recompute(ctx, j.now(), intentPage)
}

func (j *Jobs) logAudit(ctx context.Context) (more bool, err error) {
	return j.cfg.Audit.Log(ctx, j.cfg.AuditLog, auditPage)
}

func (j *Jobs) returnHandoffs(ctx context.Context) (more bool, err error) {
	n, err := j.cfg.Handoffs.ReturnIdle(ctx, j.now(), clock.Wall(), j.cfg.HandoffReturn, handoffPage)
	return n == handoffPage, err
}

func (j *Jobs) readMailbox(ctx context.Context) (more bool, err error) {
	return j.cfg.Mailbox.Page(ctx)
}

func (j *Jobs) notify(ctx context.Context) (more bool, err error) {
	return j.cfg.Notices.Notify(ctx, j.now())
}

func (j *Jobs) pruneSessions(ctx context.Context) (more bool, err error) {
	if j.cfg.Sessions == nil {
		return false, nil
	}
	_, err = j.cfg.Sessions.PruneSessions(ctx, clock.Wall())
	return false, err
}

func (j *Jobs) learn(ctx context.Context) (more bool, err error) {
	n, err := j.cfg.Offers.Learn(ctx, j.now(), learnPage)
	return n == learnPage, err
}
