package devmode

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
)

// play returns what the pages of the sinks need to play the customer.
func (d *Dev) play(s *app.Services, f *folder, gateway string) devsinks.Play {
	return devsinks.Play{
		Gateway: gateway,
		Sent: func(ctx context.Context, channel, key, provider string) (devsinks.Sent, bool) {
			send, err := s.Store.Messages.Send(ctx, key)
			if err != nil {
				send, err = s.Store.Messages.SendByProvider(ctx, channel, provider)
			}
			if err != nil {
				return devsinks.Sent{}, false
			}
			out := devsinks.Sent{Key: send.Key, Customer: send.Customer, Journey: send.Journey, Step: send.Step, Message: send.Message}
			list, _ := s.Store.Enrollments.List(ctx, enrollment.Filter{Customer: send.Customer, Journey: send.Journey, Newest: true})
			for i := range list {
				if list[i].ID == send.Enrollment {
					out.WorkflowID = list[i].WorkflowID
				}
			}
			return out, true
		},
		Starts: func() []devsinks.Way {
			if list := f.starts.Load(); list != nil {
				return *list
			}
			return nil
		},
		Run: func(workflowID string) string {
			base, _, _ := strings.Cut(d.Config.TemporalUI, ",")
			if base == "" {
				return ""
			}
			return strings.TrimRight(base, "/") + "/" + url.PathEscape(workflowID)
		},
	}
}

// startsOf returns a way into each journey: the first event of its first scenario, with that customer, or the event of its entry.
func startsOf(content *journey.Content, tests map[string]*scenario.File) []devsinks.Way {
	var out []devsinks.Way
	for _, name := range slices.Sorted(maps.Keys(content.Journeys)) {
		d := content.Journeys[name]
		one := devsinks.Way{Journey: name, About: d.Description, Customer: "ana", Traits: "{}", Properties: "{}"}
		if len(d.Entry.Events) > 0 {
			one.Event = d.Entry.Events[0]
		}
		if t := tests[name]; t != nil && len(t.Scenarios) > 0 {
			first := &t.Scenarios[0]
			one.Customer, one.Traits = first.ID, pretty(first.Customer)
			for _, line := range first.Timeline {
				if line.Event != nil {
					if d.Entry.Schedule == nil {
						one.Event, one.Properties = line.Event.Name, pretty(line.Event.Properties)
					}
					break
				}
			}
		}
		out = append(out, one)
	}
	return out
}

// pretty returns an object as indented JSON.
func pretty(v map[string]any) string {
	if len(v) == 0 {
		return "{}"
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return "{}"
	}
	return strings.TrimSpace(out.String())
}
