package pages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

const (
	decisionsShown = 20  // decisions a customer's page shows, with their funnels
	contactsShown  = 50  // rows of the ledger
	turnsShown     = 50  // of the conversation
	funnelShown    = 100 // candidates of a decision
)

// story is what is known of a customer, as every page tells it: a customer's own, and that of a hand-off.
type story struct {
	Customer     string
	Known        bool   // there is a profile
	Name         string // where the profile has one
	Profile      customer.Customer
	Intents      []intentRow
	Decisions    []decisionRow
	Conversation []message.ConversationTurn
	Journeys     []unit.Enrollment // under way
	Timeline     []analytics.TimelineEntry
}

// toldStory is a story as a part of a page tells it: at a moment, and beside a hand-off, if that is the page's.
type toldStory struct {
	story
	Now     time.Time // virtual
	Handoff handoff.Handoff
}

// At is the story as it is told at a moment.
func (s story) At(now time.Time) toldStory { return toldStory{story: s, Now: now} }

// Beside is the story as it is told on the page of a hand-off.
func (s story) Beside(now time.Time, h handoff.Handoff) toldStory { return toldStory{s, now, h} }

type intentRow struct {
	intent.IntentScore
	Width float64 // of its bar, percent
}

type decisionRow struct {
	offer.Decision
	Title   string
	Funnel  []stageCount
	Rows    []decisioning.Candidate // the first funnelShown
	Hidden  int                     // candidates that are not shown
	Weighed bool                    // some candidate came to arbitration
}

// stageCount is how many actions came as far as a stage.
type stageCount struct {
	Stage string
	Left  int
}

// tell reads a customer's story. A customer that is not known has an empty one.
func (p *Pages) tell(ctx context.Context, id string) (story, error) {
	s := story{Customer: id}
	var err error
	s.Profile, err = p.store.Customer(ctx, id)
	if s.Known = err == nil; err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	if s.Known {
		id, s.Customer = s.Profile.ID, s.Profile.ID // they may have been asked for by another id of theirs
	}
	s.Name, _ = s.Profile.Traits["first_name"].(string)
	scores, err := p.store.Intents(ctx, p.Now(), id)
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	for _, score := range scores {
		s.Intents = append(s.Intents, intentRow{IntentScore: score, Width: math.Round(1000*score.Score) / 10})
	}
	decisions, err := p.store.Decisions(ctx, offer.DecisionFilter{Customer: id, Limit: decisionsShown})
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	for _, d := range decisions {
		s.Decisions = append(s.Decisions, tellDecision(d))
	}
	if s.Conversation, err = p.store.Conversation(ctx, id, turnsShown); err != nil {
		return s, err
	}
	if s.Timeline, err = p.store.Timeline(ctx, id, timelineLimit); err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	s.Journeys, err = p.store.Enrollments(ctx, enrollment.EnrollmentFilter{Customer: id, Live: true})
	return s, err
}

// tellDecision puts a decision into rows.
func tellDecision(d offer.Decision) decisionRow {
	row := decisionRow{Decision: d, Title: "nothing: " + d.Reason, Rows: d.Candidates}
	for i, slot := range d.Slots {
		if i == 0 {
			row.Title = ""
		} else {
			row.Title += ", "
		}
		row.Title += slot.Action
		if slot.Channel != "" {
			row.Title += " by " + slot.Channel
		}
	}
	if hidden := len(d.Candidates) - funnelShown; hidden > 0 {
		row.Rows, row.Hidden = d.Candidates[:funnelShown], hidden
	}
	row.Funnel = funnelOf(d.Candidates)
	for _, c := range d.Candidates {
		row.Weighed = row.Weighed || c.Priority > 0
	}
	return row
}

// funnelOf counts the distinct actions that are left behind each stage.
func funnelOf(all []decisioning.Candidate) []stageCount {
	order := []string{
		decisioning.StageEligible,
		decisioning.StageApplicable,
		decisioning.StageSuitable,
		decisioning.StagePolicy,
		decisioning.StageArbitration,
		decisioning.StageChosen,
	}
	far := map[string]int{} // action → how many stages it passed
	for _, c := range all {
		for at, stage := range order {
			if c.Stage == stage {
				far[c.Action] = max(far[c.Action], at)
			}
		}
	}
	out := []stageCount{{Stage: "asked for", Left: len(far)}}
	for at, name := range []string{"eligible", "applicable", "suitable", "permitted", "chosen"} {
		left := 0
		for _, passed := range far {
			if passed > at {
				left++
			}
		}
		out = append(out, stageCount{Stage: name, Left: left})
	}
	return out
}

// customers is where one looks for a customer.
func (p *Pages) Customers(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimSpace(r.URL.Query().Get("id"))
	if id == "" {
		p.Render(w, r, http.StatusOK, "customers.html", "Customers", nil)
		return
	}
	http.Redirect(w, r, "/customers/"+url.PathEscape(id), http.StatusSeeOther)
}

type customerView struct {
	story
	Contacts []message.Send
}

// customer shows everything about one customer.
func (p *Pages) Customer(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s, err := p.tell(r.Context(), id)
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	if !s.Known && len(s.Timeline) == 0 {
		p.Problem(
			w,
			r,
			http.StatusNotFound,
			"No such customer",
			"Nothing was ever heard of a customer with this id. It may have been mistyped.",
		)
		return
	}
	v := customerView{story: s}
	if v.Contacts, err = p.store.Sends(r.Context(), message.SendFilter{Customer: s.Customer, Limit: contactsShown}); err != nil &&
		!errors.Is(err, sqldb.ErrNotFound) {
		p.pageFailed(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, "customer.html", "Customer", v)
}

// figure writes a number of a decision for people: three digits that count.
func figure(v float64) string {
	if v == 0 || math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return fmt.Sprintf("%.3g", v)
}
