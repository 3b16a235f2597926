package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/handoff"
)

// A waiting enrollment is counted at its step, in the drawing and in the table, and on its way out once an agent has
// answered, in a real browser.
func TestJourneyInABrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	h := open(t, settings{files: folder(map[string]string{"care.yaml": care})})
	h.customer("ana")
	h.track("ana", "Trouble", "", map[string]any{"text": "hello"})
	e := h.parked("care/ana", "person")

	const card, row = `svg.tabi-graph g.card.rose`, "#step-person"
	browse(
		t,
		ctx,
		chromedp.Navigate(h.url+"/journeys"),
		chromedp.SendKeys(chromedp.CSS("#name"), "Kim"),
		chromedp.SendKeys(chromedp.CSS("#token"), agentToken),
		chromedp.Submit(chromedp.CSS("#token")),
		chromedp.WaitVisible(chromedp.CSS(`a.cover[href="/journeys/care"]`)),
		chromedp.Click(chromedp.CSS(`a.cover[href="/journeys/care"]`)),
		chromedp.WaitVisible(chromedp.CSS(row)),
	)
	drawn, table := read(t, ctx, chromedp.TextContent(chromedp.CSS(card))), read(t, ctx, chromedp.Text(chromedp.CSS(row)))
	if !strings.Contains(drawn, "1 here now") || !strings.Contains(drawn, "queue support") || !strings.Contains(table, "1") {
		t.Errorf("the card says %q, the table %q; an enrollment waits there", drawn, table)
	}
	// The drawing's colors come from the style sheet, since the page's policy permits no others.
	for _, want := range []string{`getComputedStyle(document.querySelector("` + card + ` .strip")).fill != "none"`,
		`getComputedStyle(document.querySelector("` + card + ` .strip")).fill != "rgb(0, 0, 0)"`,
		`document.querySelector("svg.tabi-graph").getBoundingClientRect().height > 400`} {
		if good, err := chromedp.Run(ctx, chromedp.Evaluate[bool](want)); err != nil || !good {
			t.Errorf("%s: %v, %v", want, good, err)
		}
	}

	err := h.Store.Handoffs.Resolve(context.Background(), clock.Now(h.clock), e.ID+"/person/1", "Kim", "resolved", "", handoff.AsAgent)
	if err != nil {
		t.Fatal(err)
	}
	h.ended("care/ana", "helped")
	await(t, "the page counts the passage", func() error {
		browse(t, ctx, chromedp.Navigate(h.url+"/journeys/care"), chromedp.WaitVisible(chromedp.CSS(row)))
		drawn, svg := read(
			t,
			ctx,
			chromedp.TextContent(chromedp.CSS(card)),
		), read(
			t,
			ctx,
			chromedp.TextContent(chromedp.CSS("svg.tabi-graph")),
		)
		if !strings.Contains(drawn, "0 here now") || !strings.Contains(drawn, "1 passed") || !strings.Contains(svg, "resolved100 %") {
			return fmt.Errorf("the card says %q, the drawing %q", drawn, svg)
		}
		return nil
	})
}
