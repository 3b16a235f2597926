package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium with a fresh profile. Where there is none, the test is skipped, or fails in CI.
func browser(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no Chromium, and CI must have one: apt-get install chromium")
		}
		t.Skip("there is no Chromium here")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.WindowSize(1000, 900))
	options = append(options, more...)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// browse performs steps in a page.
func browse(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// read returns something from a page.
func read[T any](t *testing.T, ctx context.Context, what chromedp.Action[T]) T {
	t.Helper()
	out, err := chromedp.Run(ctx, what)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An agent signs in, reads a hand-off and resolves it with mouse and keyboard, in a real browser.
func TestInboxInABrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	h := open(t, settings{files: folder(map[string]string{"care.yaml": care})})
	h.customer("ana")
	h.track("ana", "Trouble", "", map[string]any{"text": "<script>document.title='owned'</script>"})
	h.parked("care/ana", "person")

	const link, main = chromedp.CSS(`a[href^="/inbox/"]`), chromedp.CSS("body")
	browse(
		t,
		ctx,
		chromedp.Navigate(h.url+"/inbox"),
		chromedp.SendKeys(chromedp.CSS("#name"), "Kim"),
		chromedp.SendKeys(chromedp.CSS("#token"), agentToken),
		chromedp.Submit(chromedp.CSS("#token")),
		chromedp.WaitVisible(link),
	)
	list := read(t, ctx, chromedp.Text(main))
	browse(t, ctx, chromedp.Click(link), chromedp.WaitVisible(chromedp.CSS("#outcome")))
	page, title := read(t, ctx, chromedp.Text(main)), read(t, ctx, chromedp.Title())
	browse(t, ctx, chromedp.SetValue(chromedp.CSS("#outcome"), "refunded"), chromedp.SendKeys(chromedp.CSS("#note"), "sent 12 back"),
		chromedp.Submit(chromedp.CSS("#note")), chromedp.WaitNotPresent(chromedp.CSS("#outcome")))
	answer := read(t, ctx, chromedp.Text(main))
	if !strings.Contains(list, "ana") || !strings.Contains(page, "document.title") || title == "owned" {
		t.Errorf("title %q; what the customer wrote must be shown as text\nthe list: %s\nthe page: %s", title, list, page)
	}
	if !strings.Contains(answer, "refunded") {
		t.Errorf("the page does not say that it is resolved: %s", answer)
	}
	h.ended("care/ana", "refunded")
}
