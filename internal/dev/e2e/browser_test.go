package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/workflows/contract"
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

// People read encrypted runs in the real Temporal UI as before: summary, details, history, call stack and memo. The browser has them
// decrypted by the gateway, with the session of who is signed in there, and says in words why not.
func TestTemporalUIShowsEncryptedRuns(t *testing.T) {
	t.Parallel()
	ctx := browser(t, chromedp.WindowSize(1000, 2000))
	gateway, ui := freePort(), freePort()
	server, err := startTemporal(t.TempDir(), freePort(), "", nil, "--ui-port", fmt.Sprint(ui), "--ui-codec-endpoint",
		"http://"+local(gateway)+"/v1/codec")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Stop(stopPatience) })
	runs := "http://" + local(ui) + "/namespaces/default/workflows"
	h := open(t, settings{scale: 60, files: folder(map[string]string{"care.yaml": care}), more: func(c *app.Config) {
		c.TemporalAddr, c.TemporalNS, c.Listen = server.address, "default", local(gateway)
		c.TemporalUI, c.MasterKeys = "https://temporal.example.com, "+runs, masterKey
	}})
	h.customer("ana")
	h.track("ana", "Trouble", "", map[string]any{"text": "help"})
	e := h.parked("care/ana", "person")
	run, err := h.Temporal.DescribeWorkflow(t.Context(), "care/ana", "")
	if err != nil {
		t.Fatal(err)
	}
	page := runs + "/care%2Fana/" + run.WorkflowExecution.RunID
	const words = `[document, ...[...document.querySelectorAll("iframe")].map(f => f.contentDocument)]
		.map(d => d?.body?.innerText ?? "").join("\n").replaceAll("\u00a0", " ")` // the UI renders Markdown in frames
	shows := func(tab string, wanted ...string) {
		t.Helper()
		browse(t, ctx, chromedp.Navigate(page+tab))
		var text string
		if err := poll(20*time.Second, func() error {
			text = read(t, ctx, chromedp.Evaluate[string](words))
			for _, word := range wanted {
				if !strings.Contains(text, word) {
					return errors.New("no " + word)
				}
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v\n%s", tab, err, text)
		}
	}
	signIn := func(token, name string) {
		t.Helper()
		browse(t, ctx, chromedp.Navigate(h.url+"/login"), chromedp.SendKeys(chromedp.CSS("#name"), name),
			chromedp.SendKeys(chromedp.CSS("#token"), token), chromedp.Submit(chromedp.CSS("#token")),
			chromedp.WaitNotPresent(chromedp.CSS("#token")))
	}

	shows("/user-metadata", "you are not signed in. Sign in at "+h.url+"/login")
	// The UI of a development server has no setting for cookies, so the person sets it in the browser.
	browse(t, ctx, chromedp.Evaluate[chromedp.Void](`localStorage.setItem("endpoint", '"http://`+local(gateway)+`/v1/codec"');
		localStorage.setItem("includeCredentials", "true"); localStorage.setItem("overrideRemoteCodecConfiguration", "true")`))
	shows("/user-metadata", "you are not signed in")
	signIn(agentToken, "Kim")
	shows("/user-metadata", "the role agent may not do this")
	signIn(adminToken, "Olga")
	shows("/user-metadata", "care of customer ana", "Entered by Trouble", "Waiting at person")
	shows("/history/feed", `"customer": "ana"`, `"entry_name": "Trouble"`)
	shows("/memo", e.ID)
	shows("/call-stack", "coroutine")

	looks, err := h.Store.Audit.List(t.Context(), audit.Filter{Customers: []string{"ana"}, What: "payload.decrypt"})
	if err != nil {
		t.Fatal(err)
	}
	if len(looks) != 1 || looks[0].Who != "Olga" {
		t.Errorf("looks at the customer: %v", looks)
	}
	h.track("ana", "Bought", "", map[string]any{"total": 1})
	h.ended("care/ana", contract.Goal)
}
