package e2e

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/journeys"
)

// shipped returns the shipped journeys.
func shipped(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(journeys.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".go" {
			return err
		}
		data, err := journeys.Files.ReadFile(name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const week = 7 * 24 * time.Hour

// A customer who leaves the same cart twice in a month enters twice; twice in a week, once.
func TestCartAbandonedTwice(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: shipped(t), scale: 43200})
	address := h.customer("ana")
	cart := map[string]any{"cart_id": "k1", "total": 120}

	h.track("ana", "Cart Updated", "", cart)
	first := h.ended("cart-recovery/ana/k1", "abandoned")
	same(t, "mails of the first time", h.mail.subjects(address), []string{"Your cart is waiting"})
	same(t, "pushes of the first time", h.push.sent("device-ana"), []string{"Last call"})

	// Days pass; she returns to her cart on each of them.
	await(t, "a second entry", func() error {
		if len(h.track("ana", "Cart Updated", "", cart).Receipts[0].Entered) == 0 { // within a week
			return errors.New("not yet")
		}
		return nil
	})
	var second unit.Enrollment
	await(t, "the second time ends", func() error {
		all := h.enrollments("cart-recovery/ana/k1")
		if second = all[len(all)-1]; len(all) != 2 || second.State != unit.StateClosed {
			return fmt.Errorf(
				"%d entries, the last is %s at %q since %s until %s",
				len(all),
				second.State,
				second.Step,
				second.Since,
				second.Until,
			)
		}
		return nil
	})
	same(t, "mails of both", h.mail.subjects(address), []string{"Your cart is waiting", "Your cart is waiting"})
	if apart := second.EnteredAt.Sub(first.EnteredAt); apart < week || apart > 31*week/7 {
		t.Errorf("the entries are %s apart, want between a week and a month", apart)
	}
	if keys := h.mail.sent(address); keys[0].key == keys[1].key {
		t.Error("both mails have the same key")
	}
}

// A flight is canceled: the event reroutes the traveler to another path of the same run, the seat on hold is
// reserved, and the trip continues with the new flight.
func TestFlightCancelled(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: shipped(t), scale: 720}) // the four hours to answer take 20 seconds
	h.customer("dora")
	const trip = "trip-rebooking/dora/t1"

	h.track(
		"dora",
		"Trip Booked",
		"",
		map[string]any{"trip_id": "t1", "flight": "TP1", "from": "Lisbon", "to": "Tokyo", "departs": "2026-03-12T10:00:00Z"},
	)
	run := h.parked(trip, "check-in-opens")
	h.track(
		"dora",
		"Flight Cancelled",
		"",
		map[string]any{"trip_id": "t1", "flight": "TP1", "alternative": map[string]any{"flight": "TP3", "departs": "2026-03-03T20:00:00Z"}},
	)
	h.parked(trip, "answer")
	same(t, "pushes", h.push.sent("device-dora"), []string{"Flight TP1 is cancelled"})
	h.track("dora", "Rebooking Accepted", "", map[string]any{"trip_id": "t1"})
	h.parked(trip, "departure")
	same(t, "pushes", h.push.sent("device-dora"), []string{"Flight TP1 is cancelled", "You are on TP3", "Check-in is open"})
	h.track("dora", "Trip Completed", "", map[string]any{"trip_id": "t1"})
	if end := h.ended(trip, "goal"); end.ID != run.ID {
		t.Errorf("another enrollment ended: %s, not %s", end.ID, run.ID)
	}
}

// A company signs up: the CRM is called (twice, as it is down at first), the mails are Japanese, the survey tool is
// called by webhook, and a good answer leads to coupons by another journey.
func TestOnboarding(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked, surveys []string
	tools := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			surveys = append(surveys, string(body))
			return
		}
		asked = append(asked, r.URL.Query().Get("company")+" "+r.Header.Get("Idempotency-Key"))
		if len(asked) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"manager": "Ken Sato"}`)
	}))
	t.Cleanup(tools.Close)
	files := shipped(t)
	files["onboarding.yaml"] = strings.ReplaceAll(files["onboarding.yaml"], "https://crm.example.com", tools.URL)
	files["messages/onboarding-survey.yaml"] = strings.ReplaceAll(
		files["messages/onboarding-survey.yaml"],
		"https://surveys.example.com",
		tools.URL,
	)
	h := open(t, settings{files: files, scale: 21600, more: func(c *app.Config) {
		c.CallAllow = "127.0.0.1"
		c.Channels.WebhookSecret, c.Channels.WebhookAllowPrivate = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", true
	}})
	address := h.customer("emi")
	h.identify("emi", map[string]any{"persona": "business", "company": "Umi & Yama", "language": "ja", "timezone": "Asia/Tokyo"})

	h.track("emi", "Signed Up", "", nil)
	h.parked("onboarding/emi", "meeting")
	h.track("emi", "Meeting Requested", "", nil)
	h.parked("onboarding/emi", "consultant")
	h.track("emi", "Project Created", "", nil) // counts once the consultant is done with them, or gives up
	h.parked("onboarding/emi", "verdict")
	h.track("emi", "Survey Answered", "", map[string]any{"score": 10})
	await(t, "coupons", func() error {
		_, err := h.latest("coupon-nudge/emi/welcome")
		return err
	})
	h.track("emi", "Order Completed", "", map[string]any{"total": 40})
	h.ended("onboarding/emi", "goal")

	var subjects []string
	for _, letter := range h.mail.sent(address) {
		subject, err := new(mime.WordDecoder).DecodeHeader(letter.subject)
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, subject)
	}
	same(t, "mails", subjects, []string{"emi様、ようこそ", "Umi & Yamaの導入について"})
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 2 || asked[0] != asked[1] || !strings.HasPrefix(asked[0], "Umi & Yama ") {
		t.Errorf("the CRM was asked %q", asked)
	}
	same(
		t,
		"surveys",
		surveys,
		[]string{`{"survey": "onboarding", "customer": "emi", "email": "` + address + `", "language": "ja"}` + "\n"},
	)
}
