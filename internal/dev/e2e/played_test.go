package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A person plays a shipped journey on `tabi dev` with a browser alone: enters it as a customer, reads the mail, opens, answers and
// unsubscribes.
func TestDevIsPlayedInABrowser(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	files["tell.yaml"], files["messages/news.yaml"] = browserJourney, strings.ReplaceAll(browserMessage, "SHOP", "https://shop.example.com")
	in := newInstall(t, files)
	in.flags = []string{"--time-scale", "1200"}
	in.env = without(in.env, "TABI_EMAIL_URL", "TABI_FCM_CREDENTIALS", "TABI_FCM_URL", "TABI_MAIL_FROM") // the sinks of dev
	in.startDev()
	ctx := browser(t) // its time begins when dev is built and runs
	said := chromedp.CSS(".said")
	saying := func(want string) {
		t.Helper()
		await(in, "the page says "+want, func() error {
			if err := chromedp.Do(ctx, chromedp.WaitVisible(said)); err != nil {
				return err // the page may just be leaving, for the next one
			}
			got, err := chromedp.Run(ctx, chromedp.Text(said))
			if err == nil && !strings.Contains(got, want) {
				err = errors.New(got)
			}
			return err
		})
	}

	const begin = `form:has(input[name="journey"][value="cart-recovery"]) `
	browse(t, ctx, chromedp.Navigate(in.url+"/dev/play?of=cart-recovery"), chromedp.WaitVisible(chromedp.CSS(begin+"button")),
		chromedp.SetValue(chromedp.CSS(begin+`[name="customer"]`), "zoe"), chromedp.Click(chromedp.CSS(begin+"button")))
	saying("entered cart-recovery/zoe")
	await(in, "the mail came", func() error {
		browse(t, ctx, chromedp.Navigate(in.url+"/dev/mail"))
		if text := read(t, ctx, chromedp.Text(chromedp.CSS("main"))); !strings.Contains(text, "Your cart is waiting") {
			return errors.New(text)
		}
		return nil
	})
	browse(t, ctx, chromedp.Click(chromedp.CSS(".list a.row")), chromedp.WaitVisible(chromedp.CSS("section.player")))
	page := read(t, ctx, chromedp.Text(chromedp.CSS("section.player")))
	for _, want := range []string{"cart-recovery", "cart-reminder", "zoe", "Back to my cart"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of the mail lacks %q:\n%s", want, page)
		}
	}
	for _, kind := range []string{"delivered", "opened"} {
		browse(t, ctx, chromedp.Click(chromedp.CSS(`button[value="`+kind+`"]`)))
		saying("reported: " + kind)
	}
	browse(t, ctx, chromedp.SendKeys(chromedp.CSS(`.player [name="text"]`), "Is it still there?"),
		chromedp.Submit(chromedp.CSS(`.player [name="text"]`)))
	saying("reported: replied")
	browse(t, ctx, chromedp.Click(chromedp.CSS(`button[name="one_click"]`)))
	saying("unsubscribed by one click")

	// A browser that the scenario made up gets a web push, which the sink decrypts; its link leads by the gateway to the shop.
	const tell = `form:has(input[name="journey"][value="tell"]) `
	browse(t, ctx, chromedp.Navigate(in.url+"/dev/play?of=tell"), chromedp.WaitVisible(chromedp.CSS(tell+"button")),
		chromedp.SetValue(chromedp.CSS(tell+`[name="customer"]`), "yui"),
		chromedp.SetValue(chromedp.CSS(tell+`[name="traits"]`), `{"first_name": "Yui", "consent": {"marketing": true},
			"web_push": {"endpoint": "https://push.example.com/yui", "keys": {"p256dh": "made-up", "auth": "too"}}}`),
		chromedp.Click(chromedp.CSS(tell+"button")))
	saying("entered tell/yui")
	await(in, "the web push came", func() error {
		browse(t, ctx, chromedp.Navigate(in.url+"/dev/push?to=https://push.example.com/yui"))
		text := read(t, ctx, chromedp.Text(chromedp.CSS("main")))
		if !strings.Contains(text, "News for Yui") || !strings.Contains(text, "The cups are here.") {
			return errors.New(text)
		}
		return nil
	})
	browse(t, ctx, chromedp.Click(chromedp.CSS(".push .more a")), chromedp.WaitVisible(chromedp.CSS("section.player")))
	if to := read(t, ctx, chromedp.Evaluate[string](`document.querySelector(".push .link a").href`)); !strings.HasPrefix(to, in.url+"/") {
		t.Errorf("the link of the web push leads to %s", to)
	}
	browse(t, ctx, chromedp.Click(chromedp.CSS(`button[value="clicked"]`)))
	saying("reported: clicked")
	await(in, "the click is the customer's", func() error {
		browse(t, ctx, chromedp.Navigate(in.url+"/customers/yui"))
		if text := read(t, ctx, chromedp.Text(chromedp.CSS("main"))); !strings.Contains(text, "Push Clicked") {
			return errors.New(text)
		}
		return nil
	})

	await(in, "the customer's page has all of it", func() error {
		browse(t, ctx, chromedp.Navigate(in.url+"/customers/zoe"))
		text := read(t, ctx, chromedp.Text(chromedp.CSS("main")))
		for _, want := range []string{"Email Delivered", "Email Opened", "Message Received", "Preference Updated", "Is it still there?"} {
			if !strings.Contains(text, want) {
				return errors.New("no " + want + " in:\n" + text)
			}
		}
		return nil
	})
	browse(t, ctx, chromedp.Navigate(in.url+"/messages"))
	text := read(t, ctx, chromedp.Text(chromedp.CSS("main")))
	if !strings.Contains(text, "cart-reminder") || !strings.Contains(text, "100.0 %") {
		t.Errorf("the results lack the mail:\n%s", text)
	}
}
