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
	ctx := browser(t)
	in := newInstall(t, shipped(t))
	in.flags = []string{"--time-scale", "1200"}
	in.env = without(in.env, "TABI_EMAIL_URL", "TABI_FCM_CREDENTIALS", "TABI_FCM_URL", "TABI_MAIL_FROM") // the sinks of dev
	in.startDev()
	said := chromedp.CSS(".said")
	saying := func(want string) {
		t.Helper()
		await(in, "the page says "+want, func() error {
			browse(t, ctx, chromedp.WaitVisible(said))
			if got := read(t, ctx, chromedp.Text(said)); !strings.Contains(got, want) {
				return errors.New(got)
			}
			return nil
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
