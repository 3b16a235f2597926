package adminapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/outbox"
)

// deadLetterPage is how many dead letters one transaction retries.
const deadLetterPage = 200

func viewDeadLetters(list []outbox.DeadLetter) []api.DeadLetter {
	out := make([]api.DeadLetter, len(list))
	for i, d := range list {
		out[i] = api.DeadLetter{
			WorkflowID: d.WorkflowID, Enrollment: d.Enrollment, Journey: d.Journey, Customer: d.Customer, Seq: d.Seq, Kind: d.Kind,
			Event: d.Event, Name: d.Name, Error: d.Error, Attempts: d.Attempts, At: d.At,
		}
	}
	return out
}

func (h *Handlers) listDeadLetters(ctx context.Context, in *api.DeadLetterFilter) (*api.DeadLetterList, error) {
	if in.WorkflowID != "" {
		audit.Of(ctx).Object("enrollment", in.WorkflowID)
	}
	filter := outbox.DeadLetterFilter{WorkflowID: in.WorkflowID, Limit: in.Limit}
	if in.After != "" {
		id, seq, _ := strings.Cut(in.After, "/")
		n, err := strconv.ParseInt(seq, 10, 64)
		if err != nil {
			return nil, web.Bad("after", "must be next of the previous page")
		}
		filter.After, filter.AfterSeq = id, n
	}
	rows, err := h.rooms.Outbox.DeadLetters(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := &api.DeadLetterList{DeadLetters: viewDeadLetters(rows)}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		out.Next = last.Enrollment + "/" + strconv.FormatInt(last.Seq, 10)
	}
	return out, nil
}

func (h *Handlers) retryDeadLetters(ctx context.Context, in *api.DeadLetterInput) (*api.DeadLetterCount, error) {
	return h.settleDeadLetters(ctx, in.Body, false)
}

func (h *Handlers) dropDeadLetters(ctx context.Context, in *api.DeadLetterInput) (*api.DeadLetterCount, error) {
	return h.settleDeadLetters(ctx, in.Body, true)
}

// settleDeadLetters delivers dead letters again, or drops them, a page at a time.
func (h *Handlers) settleDeadLetters(ctx context.Context, in api.DeadLetterSelection, drop bool) (*api.DeadLetterCount, error) {
	if in.All == (in.WorkflowID != "") {
		return nil, web.Bad("workflow_id", "or all must be given, not both")
	}
	out := &api.DeadLetterCount{}
	filter := outbox.DeadLetterFilter{WorkflowID: in.WorkflowID, Limit: deadLetterPage}
	for {
		rows, err := h.rooms.Outbox.DeadLetters(ctx, filter)
		if err != nil {
			return nil, err
		}
		if in.WorkflowID != "" {
			audit.Of(ctx).Object("enrollment", in.WorkflowID)
			if len(rows) > 0 {
				audit.Of(ctx).About(rows[0].Customer, rows[0].Journey)
			}
		}
		n, err := h.rooms.Outbox.RetryDeadLetters(ctx, h.Now(), rows, drop)
		if err != nil {
			return nil, err
		}
		out.Count += n
		if len(rows) < deadLetterPage {
			break
		}
		filter.After, filter.AfterSeq = rows[len(rows)-1].Enrollment, rows[len(rows)-1].Seq
	}
	if out.Count == 0 && !in.All {
		return nil, web.NotFound("not_found", "workflow_id", "no dead letters of an open enrollment at this workflow id")
	}
	return out, nil
}
