package adminapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// tableType is the media type of tables.
const tableType = "text/csv"

// acceptTable makes huma answer in CSV where the parameter format asks for it, and in JSON otherwise, whatever the client accepts.
func acceptTable(r *http.Request) {
	accept := "application/json"
	if strings.HasPrefix(r.URL.Path, "/v1/admin/results/") && r.URL.Query().Get("format") == "csv" {
		accept = tableType
	}
	r.Header.Set("Accept", accept)
}

// writeTable writes an answer as CSV; an error is JSON all the same.
func writeTable(w io.Writer, v any) error {
	if t, ok := v.(api.Table); ok {
		return figures.WriteCSV(w, t)
	}
	return huma.DefaultJSONFormat.Marshal(w, v)
}

// registerTable serves an endpoint whose answer is a table too.
func registerTable[In, Out any](h *Handlers, a huma.API, e api.Endpoint[In, Out], do func(context.Context, *In) (*Out, error)) {
	register(h, a, e, do)
	ok := a.OpenAPI().Paths[e.Path].Get.Responses["200"]
	ok.Content[tableType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
}

func (h *Handlers) listMessages(ctx context.Context, in *api.ResultsFilter) (*api.MessageList, error) {
	out, err := h.figures.Messages(ctx, *in)
	return &out, err
}

func (h *Handlers) getMessageResults(ctx context.Context, in *api.MessageName) (*api.MessageResults, error) {
	out, err := h.figures.Message(ctx, in.Name, in.ResultsFilter)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("unknown_message", "name",
			"no message of this name is in the current release, and none was sent in this period")
	}
	return &out, err
}

func (h *Handlers) listChannels(ctx context.Context, in *api.ResultsFilter) (*api.ChannelList, error) {
	out, err := h.figures.Channels(ctx, *in)
	return &out, err
}

func (h *Handlers) getSplitResults(ctx context.Context, in *api.SplitsInput) (*api.SplitResults, error) {
	out, err := h.figures.Splits(ctx, in.Name)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("unknown_journey", "name", "no such journey: "+strconv.Quote(in.Name))
	}
	return &out, err
}
