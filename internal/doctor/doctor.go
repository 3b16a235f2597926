// Package doctor examines an installation: what is configured, what is reached, what is too old, and what is unsafe. It changes nothing,
// sends nothing, and shows no secret.
//
// The checks are a table, in the order in which they are shown. A check that needs something that could not be opened is skipped, and
// says what for.
package doctor

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Level says how a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Note Level = "skip" // it was not examined
	Warn Level = "warn" // it works, and is worth a look
	Fail Level = "fail" // it does not work, or is unsafe
)

// Finding is the result of a check.
type Finding struct {
	Area  string `json:"area"`
	Check string `json:"check"`
	Level Level  `json:"level"`
	Found string `json:"found"`
	Do    string `json:"do,omitempty"` // what to do about it
}

// Patient is the installation that is examined.
type Patient struct {
	Config  *app.Config
	Environ []string // as os.Environ returns it
	// LookupTXT asks DNS; nil: that of this machine.
	LookupTXT func(ctx context.Context, name string) ([]string, error)

	db        *sqldb.Database // nil: not reached
	store     *engine.Engine  // nil: not opened
	temporal  client.Client   // nil: not reached
	namespace string
}

// lookup returns a variable of the environment.
func (p *Patient) lookup(name string) string {
	for _, one := range p.Environ {
		if len(one) > len(name) && one[len(name)] == '=' && one[:len(name)] == name {
			return one[len(name)+1:]
		}
	}
	return ""
}

// check is a row of the table.
type check struct {
	area, name string
	needs      need
	run        func(context.Context, *Patient, *report)
}

// need is what a check cannot do without.
type need int

const (
	nothing need = iota
	database
	rooms
	temporal
	roomsAndTemporal
)

// timeout bounds one check (wall time).
const timeout = 10 * time.Second

// report collects the findings of one check.
type report struct {
	check
	findings []Finding
}

func (r *report) add(level Level, do, format string, args ...any) {
	r.findings = append(r.findings, Finding{Area: r.area, Check: r.name, Level: level, Found: fmt.Sprintf(format, args...), Do: do})
}

func (r *report) ok(format string, args ...any)   { r.add(OK, "", format, args...) }
func (r *report) skip(format string, args ...any) { r.add(Note, "", format, args...) }

func (r *report) warn(do, format string, args ...any) { r.add(Warn, do, format, args...) }
func (r *report) fail(do, format string, args ...any) { r.add(Fail, do, format, args...) }

// checks returns the table.
func checks() []check {
	return []check{
		{"settings", "variables", nothing, variables},
		{"settings", "secrets", nothing, secrets},
		{"settings", "access", nothing, openDoors},
		{"settings", "encryption", nothing, encryption},

		{"database", "reached", nothing, openDatabase},
		{"database", "version", database, databaseVersion},
		{"database", "schema", database, schema},
		{"database", "connections", database, connections},
		{"database", "clock", database, clockSkew},
		{"database", "transport", database, transport},
		{"database", "secret", database, sameSecrets},

		{"temporal", "certificate", nothing, clientCertificate},
		{"temporal", "reached", nothing, openTemporal},
		{"temporal", "namespace", temporal, sameNamespace},
		{"temporal", "retention", temporal, retention},
		{"temporal", "search attributes", temporal, searchAttributes},
		{"temporal", "workers", temporal, workers},

		{"store", "release", rooms, release},
		{"store", "outbox", rooms, outboxAge},
		{"store", "dead letters", rooms, deadLetters},
		{"store", "keys", rooms, keys},
		{"store", "retention", rooms, dataRetention},
		{"store", "lost enrollments", roomsAndTemporal, lostEnrollments},

		{"gateway", "public URL", nothing, publicURL},
		{"gateway", "tracked links", nothing, trackURL},
		{"gateway", "certificate", nothing, certificateFiles},
		{"gateway", "sign-in", nothing, signIn},

		{"channels", "e-mail", nothing, mail},
		{"channels", "DKIM", nothing, signatures},
		{"channels", "bounce mailbox", nothing, bounceMailbox},
		{"channels", "providers", nothing, providers},
		{"channels", "reports", nothing, reports},
	}
}

// Examine runs all checks and returns what they found, in order.
func Examine(ctx context.Context, p *Patient) []Finding {
	defer p.close()
	var out []Finding
	for _, c := range checks() {
		r := report{check: c}
		if missing := p.missing(c.needs); missing != "" {
			r.skip("%s", missing)
		} else {
			once, cancel := context.WithTimeout(ctx, timeout)
			c.run(once, p, &r)
			cancel()
		}
		out = append(out, r.findings...)
	}
	return out
}

// missing returns what a check lacks; empty: nothing.
func (p *Patient) missing(n need) string {
	switch {
	case n == database && p.db == nil, (n == rooms || n == roomsAndTemporal) && p.store == nil:
		return "the database cannot be used"
	case (n == temporal || n == roomsAndTemporal) && p.temporal == nil:
		return "Temporal is not reached"
	}
	return ""
}

func (p *Patient) close() {
	if p.temporal != nil {
		p.temporal.Close()
	}
	if p.store != nil {
		_ = p.store.Close()
	}
	if p.db != nil {
		_ = p.db.Close()
	}
}

// silent is the log of what the doctor opens: its findings say the same.
var silent = zap.NewNop()
