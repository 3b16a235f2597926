package mailapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
)

// Mailgun: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages, the call that takes a mail as it is. It
// drops no repeats. Its webhooks are signed by HMAC: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks

const (
	mailgunKey     = "TABI_MAILGUN_KEY"
	mailgunWebhook = "TABI_MAILGUN_SIGNING_KEY"
)

var mailgun = api{
	Provider: provider.Provider{
		Name: "mailgun", Channel: email, Receiver: mailgunReceiver,
		Settings: []provider.Setting{
			{Name: mailgunKey, Use: provider.Sends, Doc: "sending key of Mailgun, for mailgun://DOMAIN in email-url"},
			{Name: mailgunWebhook, Use: provider.Reports, Doc: "HTTP webhook signing key of Mailgun"},
		},
	},
	open: func(u *url.URL, q url.Values, keys provider.Keys) (API, error) {
		at := map[string]string{
			"": "https://api.mailgun.net", "us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net",
		}[q.Get("region")]
		q.Del("region")
		switch {
		case u.Host == "":
			return nil, errors.New("has no sending domain: mailgun://mg.example.com")
		case at == "":
			return nil, errors.New("knows region=us and region=eu")
		}
		at, err := base(q, at)
		return mailgunAPI{at: at, domain: u.Host, key: keys[mailgunKey]}, err
	},
}

type mailgunAPI struct{ at, domain, key string }

func (a mailgunAPI) Base() string  { return a.at }
func (a mailgunAPI) Dedupes() bool { return false }

func (a mailgunAPI) Request(_ context.Context, m Mail) (Request, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	err := errors.Join(form.WriteField("to", m.To), form.WriteField("v:"+metadataKey, m.Key))
	file, failed := form.CreateFormFile("message", "message.mime")
	if err = errors.Join(err, failed); err == nil {
		_, err = file.Write(m.Raw)
	}
	if errors.Join(err, form.Close()) != nil {
		return Request{}, errors.New("the mail cannot be written as a form")
	}
	return Request{
		URL: a.at + "/v3/" + url.PathEscape(a.domain) + "/messages.mime", Body: body.Bytes(),
		Header: http.Header{
			"Content-Type":  {form.FormDataContentType()},
			"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("api:"+a.key))},
		},
	}, nil
}

func (a mailgunAPI) Receipt(got Answer) channel.Receipt {
	var said struct{ ID, Message string }
	got.json(&said)
	if got.Status/100 == 2 {
		return channel.Receipt{Outcome: channel.Sent, ProviderID: strings.Trim(said.ID, "<>")}
	}
	reason := got.says("Mailgun", said.Message)
	if got.Status == http.StatusBadRequest && aboutTo.MatchString(said.Message) {
		return gone(reason)
	}
	return got.receipt(reason, mailgunKey+" or the domain in "+setting)
}
