package channels

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/mailapi"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
)

// Mails by the HTTP API of a provider, where TABI_EMAIL_URL names one. The mail is composed as for SMTP; package mailapi has what the
// provider wants and says.

// openAPI opens what sends mails.
func (e *email) openAPI(cfg Config) error {
	api, err := mailapi.Open(cfg.EmailURL, cfg.Keys)
	if err != nil {
		return err
	}
	e.api, e.client = api, newHTTPClient(cfg, false)
	return nil
}

// credentialsPause is how long nothing is sent while there are no credentials.
const credentialsPause = time.Minute

// sendByAPI makes one call.
func (e *email) sendByAPI(ctx context.Context, m channel.Message, to address.Mail, raw []byte) channel.Receipt {
	call, err := e.api.Request(ctx, mailapi.Mail{Key: m.Key, To: to.String(), Raw: raw})
	switch {
	case errors.Is(err, mailapi.ErrCredentials):
		return channel.Receipt{Outcome: channel.NotSent, Reason: err.Error(), RetryAfter: credentialsPause, Busy: true}
	case err != nil:
		return channel.Receipt{Outcome: channel.Refused, Reason: err.Error()}
	}
	a, f := post(ctx, e.client, call.URL, call.Header, call.Body)
	if f != nil {
		return f.receipt()
	}
	r := e.api.Receipt(mailapi.Answer{Status: a.status, Header: a.header, Body: a.body})
	r.Reason, r.ProviderID = clean(r.Reason, m.Address, to.Plain(), to.String()), oneLine(strings.TrimSpace(r.ProviderID))
	return r
}
