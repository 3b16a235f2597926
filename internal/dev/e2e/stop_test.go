package e2e

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// stopTime is how long any process may take to stop.
const stopTime = 10 * time.Second

// slowly accepts a mail after a while, as a provider under load does. It is well below the time that an attempt has, so that
// a busy machine does not make the outcome of a send unknown.
func slowly() error {
	<-time.After(500 * time.Millisecond)
	return nil
}

// terminate sends SIGTERM to a process and checks that it ends in time.
func (in *install) terminate(name string) {
	in.Helper()
	p := in.procs[name]
	began := clock.Wall()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		in.Fatal(err)
	}
	select {
	case <-p.Done:
	case <-time.After(2 * stopTime):
		in.Fatalf("%s does not end; it said:\n%s", name, &p.out)
	}
	if took := clock.Wall().Sub(began); took > stopTime || p.code() != 0 {
		in.Errorf("%s took %s to end, status %d; it said:\n%s", name, took, p.code(), &p.out)
	} else {
		in.Logf("%s took %s to end", name, took)
	}
}

// underWay waits until the provider has received n mails of a crowd.
func (in *install) underWay(customers []string, n int) {
	in.Helper()
	await(in, "sends under way", func() error {
		tried := 0
		for _, c := range customers {
			tried += in.mail.tried(c + "@example.com")
		}
		if tried < n {
			return fmt.Errorf("%d", tried)
		}
		return nil
	})
}

// once checks that each customer of a crowd had one mail, none with an unknown outcome.
func (in *install) once(customers []string) {
	in.Helper()
	in.arrive(customers, "reply", "Hello NAME")
	for _, c := range customers {
		s, err := in.status("nudge/" + c + "/1")
		if err != nil {
			in.Fatal(err)
		}
		if n := len(in.mail.sent(c + "@example.com")); n != 1 || len(s.Sends) != 1 || s.Sends[0].Unknown ||
			in.mail.tried(c+"@example.com") != 1 {
			in.Errorf("%s got %d mails of %d tries, the ledger says %+v", c, n, in.mail.tried(c+"@example.com"), s.Sends)
		}
	}
}

// SIGTERM during sends at a slow provider: the processes end in time, and nothing is lost or repeated.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.deploy(database)
	all := names("tim")
	for _, c := range all {
		in.mail.answer(c+"@example.com", slowly)
	}
	in.mail.answer("hung@example.com", in.mail.hang)
	in.enter([]string{"hung"})
	in.enter(all)
	in.underWay([]string{"hung"}, 1)
	in.underWay(all, 2)
	in.terminate("worker")
	in.tell(all, "Ignored")
	in.terminate("serve")
	in.startWorker()
	in.startServe()
	in.once(all)

	// A send that hung may have gone out: it is settled so, and marketing is not sent again.
	await(t, "the hung send to be settled", func() error {
		s, err := in.status("nudge/hung/1")
		if err == nil && s.Enrollment.Step != "reply" {
			err = errors.New("it is at " + s.Enrollment.Step)
		}
		return err
	})
	if n := in.mail.tried("hung@example.com"); n > 1 {
		t.Errorf("what may have gone out was said %d times", n)
	}
}

// The same with everything in one process.
func TestGracefulStopOfDev(t *testing.T) {
	t.Parallel()
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.flags = []string{"--time-scale", "3600"}
	in.startDev()
	all := names("dev")
	for _, c := range all {
		in.mail.answer(c+"@example.com", slowly)
	}
	in.enter(all)
	in.underWay(all, 2)
	in.terminate("dev")
	in.startDev()
	in.once(all)
}
