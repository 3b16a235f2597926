package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// crowd is the number of customers in a crash.
const crowd = 12

// names returns the customers of a crowd, with a prefix.
func names(prefix string) []string {
	out := make([]string, crowd)
	for i := range out {
		out[i] = fmt.Sprintf("%s%02d", prefix, i)
	}
	return out
}

// enter enrolls each of them in nudge.
func (in *install) enter(customers []string) {
	in.Helper()
	for _, c := range customers {
		in.customer(c)
		in.track(c, "Start", "start-"+c, map[string]any{"k": "1"})
	}
}

// arrive waits until each of them waits at a step and has had these mails, each once. A mail whose outcome is
// unknown, because the process died during the send, is not repeated: the ledger says so.
func (in *install) arrive(customers []string, step string, want ...string) {
	in.Helper()
	for _, c := range customers {
		s := in.parked("nudge/"+c+"/1", step)
		got := in.mail.subjects(c + "@example.com")
		for i, subject := range want {
			want[i] = strings.ReplaceAll(subject, "NAME", c)
		}
		doubts := 0
		for _, row := range s.Sends {
			if row.Unknown {
				doubts++
			}
		}
		if !slices.Equal(got, want) && (doubts == 0 || len(got)+doubts < len(want) || len(got) > len(want)) {
			in.Errorf("%s got %q, want %q (%d in doubt)", c, got, want, doubts)
		}
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], c, "NAME")
		}
	}
}

func (in *install) tell(customers []string, event string) {
	in.Helper()
	for _, c := range customers {
		in.track(c, event, event+"-"+c, map[string]any{"k": "1"})
	}
}

// first waits until the first mail of a crowd is sent: the others follow soon.
func (in *install) first(customers []string, mails int) {
	in.Helper()
	await(in, "the first mail", func() error {
		for _, c := range customers {
			if len(in.mail.sent(c+"@example.com")) >= mails {
				return nil
			}
		}
		return errors.New("none yet")
	})
}

// A power cut of everything in mid-journey: on the same data every journey continues, and nothing is sent twice.
// Waiting enrollments do not change when the journey is edited meanwhile.
func TestDevPowerCut(t *testing.T) {
	t.Parallel()
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.flags = []string{"--time-scale", "3600"}
	in.startDev()
	old := names("old")
	in.enter(old)
	in.first(old, 1)
	in.killDev()

	// The journey is edited while everything is down: no second mail, and another step.
	edited := strings.Replace(nudge, "  - id: again\n    send: again\n    via: email\n", "", 1)
	edited = strings.Replace(edited, "id: last", "id: final", 1)
	in.write("nudge.yaml", edited)
	in.startDev()
	in.arrive(old, "reply", "Hello NAME")

	fresh := names("new")[:2]
	in.enter(fresh)
	in.arrive(fresh, "reply", "Hello NAME")
	in.tell(old, "Answered")
	in.first(old, 2)
	in.killDev()
	in.startDev()
	in.arrive(old, "last", "Hello NAME", "Again")
	in.tell(fresh, "Answered")
	in.arrive(fresh, "final", "Hello NAME")
	in.tell(old, "Bought")
	in.ended("nudge/"+old[0]+"/1", "goal")

	// Saving while it runs counts for later entries only.
	in.write("nudge.yaml", strings.Replace(edited, "id: reply", "id: answer", 1))
	before := in.parked("nudge/"+fresh[0]+"/1", "final")
	late := 0
	await(t, "an entry into the new revision", func() error {
		late++
		id := fmt.Sprintf("nudge/late/%d", late)
		in.track("late", "Start", "", map[string]any{"k": strconv.Itoa(late)})
		got, err := in.status(id)
		if err == nil && got.Enrollment.Revision == before.Enrollment.Revision {
			err = errors.New("it is on the old revision")
		}
		return err
	})
	if after := in.parked("nudge/"+fresh[0]+"/1", "final"); after.Enrollment.Revision != before.Enrollment.Revision {
		t.Errorf("a waiting enrollment was moved from revision %s to %s", before.Enrollment.Revision, after.Enrollment.Revision)
	}
}

// Worker and gateway are killed one after the other, on PostgreSQL.
func TestKillWorkerAndGateway(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t) // dropped after the processes have ended
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.deploy(database)
	all := names("kim")
	in.enter(all)
	in.first(all, 1)
	in.procs["worker"].Kill()

	// Events are accepted without a worker.
	in.tell(all, "Ignored")
	in.startWorker()
	in.arrive(all, "reply", "Hello NAME")
	in.tell(all[:crowd/2], "Answered")
	in.procs["serve"].Kill()
	in.startServe()
	in.tell(all, "Answered") // the first half again: a channel without a response repeats
	in.first(all, 2)
	in.procs["worker"].Kill()
	in.procs["serve"].Kill()
	in.startWorker()
	in.startServe()
	in.arrive(all, "last", "Hello NAME", "Again")
	in.tell(all, "Bought")
	for _, c := range all {
		in.ended("nudge/"+c+"/1", "goal")
	}
}
