package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/store"
)

// asidePage is how many are retried at once.
const asidePage = 200

func viewAsides(list []store.DeadLetter) []api.DeadLetter {
	out := make([]api.DeadLetter, len(list))
	for i, a := range list {
		out[i] = api.DeadLetter{
			WorkflowID: a.WorkflowID, Enrollment: a.Enrollment, Journey: a.Journey, Customer: a.Customer, Seq: a.Seq, Kind: a.Kind, Event: a.Event, Name: a.Name,
			Error: a.Error, Attempts: a.Attempts, At: a.At,
		}
	}
	return out
}

func (g *Gateway) adminAside(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, f := pageLimit(q, 100)
	filter := store.DeadLetterFilter{WorkflowID: q.Get("workflow_id"), Limit: limit}
	if after := q.Get("after"); f == nil && after != "" {
		id, seq, _ := strings.Cut(after, "/")
		n, err := strconv.ParseInt(seq, 10, 64)
		if err != nil {
			f = bad("after", "is the next of a page before")
		}
		filter.After, filter.AfterSeq = id, n
	}
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	rows, err := g.cfg.Store.DeadLetters(r.Context(), filter)
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	out := api.DeadLetterList{SetAside: viewAsides(rows)}
	if len(rows) == limit {
		last := rows[len(rows)-1]
		out.Next = last.Enrollment + "/" + strconv.FormatInt(last.Seq, 10)
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *Gateway) adminRetry(w http.ResponseWriter, r *http.Request) {
	var in api.RetryRequest
	if f := g.readInto(w, r, &in); f != nil {
		g.refuse(w, r, f)
		return
	}
	if in.All == (in.WorkflowID != "") {
		g.refuse(w, r, bad("workflow_id", "or all must be given, and not both"))
		return
	}
	out := api.RetryResponse{}
	filter := store.DeadLetterFilter{WorkflowID: in.WorkflowID, Limit: asidePage}
	for {
		rows, err := g.cfg.Store.DeadLetters(r.Context(), filter)
		if err == nil {
			var n int
			n, err = g.cfg.Store.RetryDeadLetters(r.Context(), g.now(), rows, in.Drop)
			out.Deliveries += n
		}
		if err != nil {
			g.storeFailed(w, r, err)
			return
		}
		if len(rows) < asidePage {
			break
		}
		filter.After, filter.AfterSeq = rows[len(rows)-1].Enrollment, rows[len(rows)-1].Seq
	}
	if out.Deliveries == 0 && !in.All {
		g.refuse(
			w,
			r,
			&fail{
				Status:  http.StatusNotFound,
				Code:    "not_found",
				Field:   "workflow_id",
				Message: "nothing of an open instance at this workflow id is set aside",
			},
		)
		return
	}
	writeJSON(w, http.StatusOK, out)
}
