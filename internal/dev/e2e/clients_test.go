package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// greeting is entered by events of Segment's libraries, and ended by an event of the Temporal client.
const greeting = `journey: greeting
entry: {event: Start, reentry: always}
goal: {event: Bought}
steps:
  - {id: reply, wait_for: {event: Answered}, timeout: 7d}
  - {id: rest, wait: 7d}
`

// The client libraries of others work unchanged: Segment's for servers and for browsers, with another host, and
// Temporal's for TypeScript.
func TestRealClients(t *testing.T) {
	t.Parallel()
	folder := npmInstall(t, "clients")
	h := open(t, settings{files: map[string]string{"greeting.yaml": greeting}, scale: 60})

	node(t, folder, "server.mjs", h.url, writeKey)
	await(t, "the server library's calls are taken", func() error {
		c, err := h.Store.Customers.Get(context.Background(), "node")
		if err != nil {
			return err
		}
		plan, _ := c.Traits["plan"].(map[string]any)
		if plan["name"] != "gold" || !slices.Contains(c.Merged, "old-node") || !slices.Contains(c.Merged, "anon:visitor-7") {
			return fmt.Errorf("traits %v, merged %v", c.Traits, c.Merged)
		}
		return nil
	})
	await(t, "all of them, each once", func() error {
		got := h.names("node")
		if want := []string{"Customer Updated", "Group Joined", "Page Viewed", "Screen Viewed", "Start", "Start"}; !slices.Equal(
			got,
			want,
		) {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})

	t.Run("browser", func(t *testing.T) {
		ctx := browser(t)
		files := http.NewServeMux()
		files.Handle(
			"/umd/",
			http.StripPrefix("/umd", http.FileServer(http.Dir(filepath.Join(folder, "node_modules/@segment/analytics-next/dist/umd")))),
		)
		files.Handle("/", http.FileServer(http.Dir(folder)))
		site := httptest.NewServer(files)
		defer site.Close()
		before, err := h.Store.Analytics.Counts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, []byte(proofSecret))
		mac.Write([]byte("ada"))
		query := url.Values{"key": {webKey}, "host": {strings.TrimPrefix(h.url, "http://")}, "user": {"ada"},
			"hash": {hex.EncodeToString(mac.Sum(nil))}}
		if err := chromedp.Do(ctx, chromedp.Navigate(site.URL+"/page.html?"+query.Encode())); err != nil {
			t.Fatal(err)
		}
		await(t, "the browser library's events are stored", func() error {
			counts, err := h.Store.Analytics.Counts(context.Background())
			if err != nil {
				return err
			}
			title, err := chromedp.Run(ctx, chromedp.Title())
			if _, unknown := h.Store.Customers.Get(context.Background(), "ada"); unknown != nil {
				return fmt.Errorf("%w; the page says %q", unknown, title)
			}
			ada := h.names("ada")
			if want := []string{"Customer Updated", "Page Viewed", "Product Viewed"}; !slices.Equal(ada, want) {
				err = fmt.Errorf("ada has %v, want %v; %w", ada, want, err)
			}
			if counts.Events != before.Events+3 || err != nil {
				return fmt.Errorf(
					"%d more events of %d more customers; the page says %q %v",
					counts.Events-before.Events,
					counts.Customers-before.Customers,
					title,
					err,
				)
			}
			return nil
		})
	})

	list, err := h.Store.Enrollments.List(context.Background(), enrollment.Filter{Journey: "greeting", Live: true})
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	h.parked(list[0].WorkflowID, "reply")
	lines := node(t, folder, "temporal.mjs", shared.address, h.namespace, list[0].WorkflowID)
	var view contract.State
	if err := json.Unmarshal([]byte(lines[0]), &view); err != nil || view.Step != "reply" || view.Customer == "" {
		t.Errorf("state: %s %v", lines[0], err)
	}
	if !strings.Contains(lines[1], `"id":"node-2"`) {
		t.Errorf("Track: %s", lines[1])
	}
	if !strings.Contains(lines[2], `"outcome":"goal"`) {
		t.Errorf("result: %s", lines[2])
	}
}

// names returns the names of a customer's events, sorted.
func (h *installation) names(customer string) []string {
	h.Helper()
	all, err := h.Store.Analytics.Timeline(context.Background(), customer, 100)
	if err != nil {
		h.Fatal(err)
	}
	names := []string{}
	for _, entry := range all {
		if entry.Kind == "event" {
			names = append(names, entry.Title)
		}
	}
	slices.Sort(names)
	return names
}
