package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/phones"
	"github.com/tabi-journeys/tabi/internal/webpush"
)

const (
	// shopPage is a page of a shop. Only PushManager.subscribe is replaced: Chromium subscribes at a service on the internet.
	shopPage = `<!doctype html><title>Shop</title>
<script src="GATEWAY/web-push/page.js" data-write-key="KEY"></script>
<script>
PushManager.prototype.subscribe = async (options) => {
  window.asked = options
  return { toJSON: () => (SUBSCRIPTION) }
}
navigator.serviceWorker.addEventListener('message', (event) => { location.href = event.data })
const tell = () => tabi.registerPush({ userId: 'ana', userHash: 'HASH' })
  .then(() => { document.title = 'registered' }, (e) => { document.title = e.message })
</script>
<button onclick="tell()">Tell me</button>`

	// shopWorker is its service worker. A browser opens windows only for clicks by hand, so this one's click is a message of the page,
	// and the page goes where the window would be opened.
	shopWorker = `importScripts('GATEWAY/web-push/worker.js')
self.clients.openWindow = async (url) => {
  const [page] = await self.clients.matchAll({ includeUncontrolled: true })
  page.postMessage(url)
}
self.addEventListener('message', (event) => event.waitUntil((async () => {
  const [notification] = await self.registration.getNotifications()
  const click = new NotificationEvent('notificationclick', { notification, action: '' })
  let done
  Object.defineProperty(click, 'waitUntil', { value: (promise) => { done = promise } })
  self.dispatchEvent(click)
  await done
})()))`

	browserJourney = `journey: tell
entry: {event: Ready}
timeout: 30d
steps:
  - {id: tell, send: news, via: web_push}
  - {id: rest, wait: 20d}
`
	browserMessage = `message: news
web_push: {title: "News for {{ customer.first_name }}", body: "The cups are here.", link: "SHOP/cups"}
`
)

// A page registers for web push by tabi's script, the worker sends to the push service that the browser has named, tabi's service worker
// shows the message, and the click on it comes back as the customer's event.
func TestWebPushInABrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t, chromedp.UserAgent("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36")) // headless ones are machines
	key, err := webpush.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	service := phones.WebPush(t, key.Public)
	texts := map[string]string{"/": shopPage, "/tabi-worker.js": shopWorker, "/cups": "<!doctype html><title>Cups</title>"}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := "text/html; charset=utf-8"
		if strings.HasSuffix(r.URL.Path, ".js") {
			kind = "text/javascript"
		}
		w.Header().Set("Content-Type", kind)
		_, _ = fmt.Fprint(w, texts[r.URL.Path])
	}))
	t.Cleanup(shop.Close)
	pool := x509.NewCertPool()
	pool.AddCert(service.Certificate())
	h := open(t, settings{
		scale: 60,
		files: map[string]string{
			"tell.yaml": browserJourney, "messages/news.yaml": strings.ReplaceAll(browserMessage, "SHOP", shop.URL),
		},
		more: func(c *app.Config) {
			c.Provide(webpush.KeyVariable, key.Private)
			c.Provide(webpush.ContactVariable, "push@example.com")
			c.Channels.RootCAs, c.Channels.WebhookAllowPrivate = pool, true
			c.WriteKeys = writeKey + "=server," + webKey + "=web:trait.web_push|proof." + proofSecret
		},
	})
	h.start("jobs", h.app.Background().Run) // they judge clicks
	h.identify("ana", map[string]any{"first_name": "Ana", "consent": map[string]any{"marketing": true}})
	proof := hmac.New(sha256.New, []byte(proofSecret))
	proof.Write([]byte("ana"))
	fill := strings.NewReplacer("GATEWAY", h.url, "KEY", webKey, "SUBSCRIPTION", service.Subscription(),
		"HASH", hex.EncodeToString(proof.Sum(nil)))
	for path := range texts {
		texts[path] = fill.Replace(texts[path])
	}

	// The page registers.
	title := func(want string) {
		t.Helper()
		await(t, "the page is "+want, func() error {
			if got := read(t, ctx, chromedp.Title()); got != want {
				return errors.New("its title is " + got)
			}
			return nil
		})
	}
	browse(t, ctx, browserPermission(shop.URL), chromedp.Navigate(shop.URL+"/"), chromedp.Click(chromedp.CSS("button")))
	title("registered")
	asked := read(t, ctx, chromedp.Evaluate[string](
		`btoa(String.fromCharCode(...asked.applicationServerKey)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')`))
	same(t, "the key that the browser subscribes with", asked, key.Public)

	// The worker sends, and the browser shows it.
	h.track("ana", "Ready", "", nil)
	h.parked("tell/ana", "rest")
	got := service.Messages()
	if len(got) != 1 {
		t.Fatalf("%d messages at the push service", len(got))
	}
	events := chromedp.Events(ctx, serviceworker.WorkerRegistrationUpdated)
	if _, err := chromedp.Call(ctx, serviceworker.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	var registration serviceworker.RegistrationID
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Registrations) > 0 {
			registration = e.Registrations[0].RegistrationID
			break
		}
	}
	type notification struct{ Title, Body, Tag string }
	shown := chromedp.Evaluate[[]notification](`navigator.serviceWorker.ready.then((r) => r.getNotifications())
		.then((all) => all.map((n) => ({ Title: n.title, Body: n.body, Tag: n.tag })))`, chromedp.EvalAwaitPromise)
	var said struct {
		Tag, Link string
		Key       string `json:"tabi_key"`
	}
	if err := json.Unmarshal(got[0].Body, &said); err != nil {
		t.Fatal(err)
	}
	await(t, "the notification is shown", func() error {
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		// A busy browser may lose what it is given by hand. A repeat replaces the notification, by its tag.
		if _, err := chromedp.Call(short, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{
			Origin: shop.URL, RegistrationID: registration, Data: got[0].Text,
		}); err != nil {
			return err
		}
		all, err := chromedp.Run(short, shown)
		if err != nil {
			return err
		}
		if len(all) != 1 || all[0] != (notification{"News for Ana", "The cups are here.", said.Tag}) {
			return fmt.Errorf("shown are %v", all)
		}
		return nil
	})

	// The click opens the link, and comes back.
	browse(t, ctx, chromedp.Evaluate[chromedp.Void](`navigator.serviceWorker.ready.then((r) => r.active.postMessage('click'))`))
	title("Cups")
	if !strings.HasPrefix(said.Link, h.url+"/") {
		t.Errorf("the link is not tracked: %s", said.Link)
	}
	await(t, "the click is the customer's", func() error {
		all, err := h.Store.Analytics.Timeline(t.Context(), "ana", 50)
		if err != nil {
			return err
		}
		for _, line := range all {
			text, err := json.Marshal(line.Detail)
			if err != nil {
				return err
			}
			if line.Title == "Push Clicked" && strings.Contains(string(text), said.Key) &&
				strings.Contains(string(text), shop.URL+"/cups") {
				return nil
			}
		}
		return fmt.Errorf("there is no Push Clicked in %+v", all)
	})
	browse(t, ctx, chromedp.Navigate(shop.URL+"/"))
	if all := read(t, ctx, shown); len(all) != 0 {
		t.Errorf("after the click are shown %v", all)
	}
}

// browserPermission lets an origin show notifications.
func browserPermission(origin string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.CallBrowser(ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
			Permission: &cdpbrowser.PermissionDescriptor{Name: "notifications"}, Setting: cdpbrowser.PermissionSettingGranted,
			Origin: origin,
		})
		return chromedp.Void{}, err
	}
}
