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

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

const (
	decisionsShown = 20 // decisions that a customer's page shows
	sendsShown     = 50
	consentsShown  = 50
	turnsShown     = 50  // turns of the conversation
	funnelShown    = 100 // candidates that a decision shows
)

// story is what is known about a customer. The customer's page and the pages of the customer's hand-offs show it.
type story struct {
	Customer     string
	Known        bool   // whether there is a profile
	Name         string `personal:"drop"` // first name; empty if unknown
	Profile      customer.Customer
	Intents      []intentRow
	Decisions    []decisionRow
	Conversation []message.ConversationTurn
	Journeys     []unit.Enrollment // running
	Timeline     []analytics.TimelineEntry
	Begins       retention.Begins // of what is known, where older rows were deleted
}

// storyPart is the data of a part of a page that shows a story.
type storyPart struct {
	story
	Now     time.Time       // virtual
	Handoff handoff.Handoff // whose page it is; zero on the customer's page
}

// At returns the data of a part of the customer's page.
func (s story) At(now time.Time) storyPart { return storyPart{story: s, Now: now} }

// With returns the data of a part of a hand-off's page.
func (s story) With(now time.Time, h handoff.Handoff) storyPart { return storyPart{s, now, h} }

type intentRow struct {
	intent.CustomerIntent
	Width float64 // of the bar, in percent
}

type decisionRow struct {
	offer.Decision
	Title   string
	Funnel  []stageCount
	Rows    []decisioning.Candidate // the first funnelShown
	Hidden  int                     // candidates that are not shown
	Weighed bool                    // whether a candidate reached arbitration
}

// stageCount is the number of actions that passed a stage.
type stageCount struct {
	Stage string
	Left  int
}

// readStory reads a customer's story. The story of an unknown customer is empty.
func (p *Pages) readStory(ctx context.Context, id string) (story, error) {
	s := story{Customer: id}
	var err error
	s.Profile, err = p.rooms.Customers.Get(ctx, id)
	if s.Known = err == nil; err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	if s.Known {
		id, s.Customer = s.Profile.ID, s.Profile.ID // id may be another id of the customer
	}
	audit.Of(ctx).About(id, "")
	s.Name, _ = s.Profile.Traits["first_name"].(string)
	scores, err := p.rooms.Intents.Scores(ctx, p.Now(), id)
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	for _, score := range scores {
		s.Intents = append(s.Intents, intentRow{CustomerIntent: score, Width: math.Round(1000*score.Score) / 10})
	}
	decisions, err := p.rooms.Offers.Decisions(ctx, offer.DecisionFilter{Customer: id, Limit: decisionsShown})
	if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	for _, d := range decisions {
		s.Decisions = append(s.Decisions, newDecisionRow(d))
	}
	if s.Conversation, err = p.rooms.Messages.Conversation(ctx, id, turnsShown); err != nil {
		return s, err
	}
	if s.Timeline, err = p.rooms.Analytics.Timeline(ctx, id, timelineLimit); err != nil && !errors.Is(err, sqldb.ErrNotFound) {
		return s, err
	}
	if s.Journeys, err = p.rooms.Enrollments.List(ctx, enrollment.Filter{Customer: id, Live: true}); err != nil {
		return s, err
	}
	begins, err := p.figures.CompleteSince(ctx, retention.OfCustomers...)
	if since := s.Profile.Created; err == nil {
		s.Begins = retention.Begins(begins).After(since) // older than the customer is nothing
	}
	return s, err
}

// newDecisionRow prepares a decision for the page.
func newDecisionRow(d offer.Decision) decisionRow {
	row := decisionRow{Decision: d, Title: "no action: " + d.Reason, Rows: d.Candidates}
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

// funnelOf counts, for each stage, the distinct actions that passed it.
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
	out := []stageCount{{Stage: "considered", Left: len(far)}}
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

// Customers asks whom to show.
func (p *Pages) Customers(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, "customers.html", "Customers", p.newFound(r, ""))
}

// FindCustomer shows whom a form asks for: by an id, or by an address if the viewer may see addresses. What is searched for is in the
// body, since servers and proxies log addresses of pages. The answer is the same where nobody is found and where the viewer may not see
// who was found: an agent of queues must not find out.
func (p *Pages) FindCustomer(w http.ResponseWriter, r *http.Request) {
	v := p.newFound(r, strings.TrimSpace(r.PostFormValue("id")))
	if v.Text == "" {
		p.Render(w, r, http.StatusOK, "customers.html", "Customers", v)
		return
	}
	c, err := p.rooms.Customers.Get(r.Context(), v.Text)
	found := []customer.Customer{c}
	if errors.Is(err, sqldb.ErrNotFound) {
		found, err = nil, nil
		if v.ByAddress {
			ctx, cancel := context.WithTimeout(r.Context(), searchTimeout)
			defer cancel()
			found, err = p.rooms.Customers.Find(ctx, v.Text)
		}
	}
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	for _, c := range found {
		sees, err := p.maySee(r, c.ID)
		if err != nil {
			p.pageFailed(w, r, err)
			return
		}
		if sees {
			v.Found = append(v.Found, c)
		}
	}
	if len(v.Found) == 1 {
		http.Redirect(w, r, "/customers/"+url.PathEscape(v.Found[0].ID), http.StatusSeeOther)
		return
	}
	status := http.StatusOK
	if v.Nobody = len(v.Found) == 0; v.Nobody {
		status = http.StatusNotFound
	}
	p.Render(w, r, status, "customers.html", "Customers", v)
}

// searchTimeout bounds the search for an address, which reads all profiles (wall time).
const searchTimeout = 10 * time.Second

// foundView is the form that asks whom to show, with several customers of one address, or with nobody.
type foundView struct {
	Text      string // what was searched for; empty: nothing yet
	ByAddress bool   // the viewer may search by an address: who may not see one must not find out whose it is
	Queues    bool   // the viewer sees the customers of some queues
	Nobody    bool
	Found     []customer.Customer
}

func (p *Pages) newFound(r *http.Request, text string) foundView {
	viewer := auth.PrincipalOf(r.Context())
	return foundView{Text: text, ByAddress: viewer.May(access.CustomersPersonal), Queues: len(viewer.Queues) > 0}
}

type customerView struct {
	story
	Audit    auditView
	Sends    []message.Send
	Consents []customer.Consent // what they have agreed to and refused, newest first
}

// Customer shows everything about one customer.
func (p *Pages) Customer(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s, err := p.readStory(r.Context(), id)
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	sees, err := p.maySee(r, s.Customer)
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	if !sees { // also where there is no such customer: an agent of other queues must not find out
		p.Problem(w, r, http.StatusForbidden, "Not in your queues", "No customer with this id has a hand-off in your queues.")
		return
	}
	if !s.Known && len(s.Timeline) == 0 {
		p.Problem(
			w,
			r,
			http.StatusNotFound,
			"No such customer",
			"There is no customer with this id. It may be mistyped.",
		)
		return
	}
	v := customerView{story: s}
	if v.Sends, err = p.rooms.Messages.Sends(r.Context(), message.SendFilter{Customer: s.Customer, Limit: sendsShown}); err != nil &&
		!errors.Is(err, sqldb.ErrNotFound) {
		p.pageFailed(w, r, err)
		return
	}
	if v.Consents, err = p.rooms.Customers.Consents(r.Context(), s.Customer, consentsShown); err != nil {
		p.pageFailed(w, r, err)
		return
	}
	ids := append([]string{s.Customer}, s.Profile.Merged...)
	if v.Audit, err = p.readAudit(r, audit.Filter{Customers: ids}); err != nil {
		p.pageFailed(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, "customer.html", "Customer", v)
}

// figure formats a number with three significant digits.
func figure(v float64) string {
	if v == 0 || math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return fmt.Sprintf("%.3g", v)
}
