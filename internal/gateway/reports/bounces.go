package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/bounce"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// Codes of mails that are refused.
const (
	noReport = "no_report"
	unproven = "unproven"
)

// errGone is the error of a mail that proves to be about a send which the ledger no longer has.
var errGone = errors.New("the ledger no longer has the send that the mail is about")

// maxRest is how much of a request's body after bounce.MaxMail is read, in bytes. Nothing of it is looked at.
const maxRest = 64 << 20

// mailServers is the provider of mails that report, in the metric.
const mailServers = "smtp"

// Bounce accepts a mail to the address that mails are returned to: a bounce or a complaint. Its body is the mail, and `recipient`
// whom it was sent to. It answers once the events are stored.
func (h *Reports) Bounce(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, bounce.MaxMail))
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(r.Body, maxRest))
	}
	if err != nil {
		web.WriteError(w, web.Bad("", "the body cannot be read"))
		return
	}
	out, f, err := h.Mail(r.Context(), raw, r.URL.Query()["recipient"])
	switch {
	case err != nil:
		h.StoreFailed(w, r, err)
	case f != nil:
		web.WriteError(w, &web.Error{Status: http.StatusUnprocessableEntity, Code: f.Code, Message: f.Message})
	default:
		web.WriteJSON(w, http.StatusOK, out)
	}
}

// Mail stores the events of a mail that reports on one of ours. recipients are whom it was sent to, as far as they are known. A
// problem is the reason why the mail is refused, and refused for good. err is of the store: the mail must come again.
func (h *Reports) Mail(ctx context.Context, raw []byte, recipients []string) (api.MailEventsResponse, *tolerant.Problem, error) {
	out := api.MailEventsResponse{Success: true, Ignored: []api.IgnoredReport{}}
	m, err := bounce.Read(raw)
	if err != nil {
		return out, h.refuse(ctx, m, noReport, err.Error()), nil
	}
	in := channel.Received{Ignored: m.Ignored}
	if len(m.Results) > 0 {
		send, err := h.proven(ctx, m, recipients)
		switch {
		case errors.Is(err, errGone):
			in.Ignored = append(in.Ignored, err.Error())
		case errors.Is(err, sqldb.ErrNotFound):
			return out, h.refuse(ctx, m, unproven, "the mail does not prove that it is about one that tabi sent: neither the address that "+
				"it was sent to nor a Message-ID in it carries a signature of this installation"), nil
		case err != nil:
			return out, nil, err
		default:
			reports, left := about(m, send)
			in.Reports, in.Ignored = reports, append(in.Ignored, left...)
		}
	}
	if out, err = h.store(ctx, mailServers, in); err != nil {
		return out, nil, err
	}
	for _, one := range out.Ignored {
		h.Log.Info("a mail about a mail is ignored", zap.String("reason", one.Reason))
	}
	return out, nil, nil
}

// refuse keeps what is refused for `tabi rejected`, and says so in the log.
func (h *Reports) refuse(ctx context.Context, m bounce.Mail, code, why string) *tolerant.Problem {
	p := &tolerant.Problem{Code: code, Message: why}
	h.count(mailServers, map[string]string{noReport: "unreadable", unproven: "unsigned"}[code], 1)
	var said []any
	for _, one := range m.Results {
		said = append(said, map[string]any{"kind": string(one.Kind), "address": one.Address, "reason": one.Reason})
	}
	h.Doors.Rejected(ctx, h.Now(), rejection.Mail, []rejection.Refused{{
		Problem: *p, Value: map[string]any{"message_id": m.ID, "says": said},
	}})
	return p
}

// proven returns the send that a mail proves to be about: by the token in an address that it was sent to, or that the original was to
// be returned to, or by the original's Message-ID. ErrNotFound: it proves nothing.
func (h *Reports) proven(ctx context.Context, m bounce.Mail, recipients []string) (message.Send, error) {
	for _, list := range [][]string{recipients, m.Addresses} {
		for _, one := range list {
			returned, ok := h.proofs.Returned(one)
			if !ok {
				continue
			}
			send, err := h.messages.SendOf(ctx, returned.Enrollment, returned.Is)
			if errors.Is(err, sqldb.ErrNotFound) {
				err = errGone
			}
			return send, err
		}
	}
	for _, id := range m.MessageIDs {
		key, ok := h.proofs.SignedKey(id)
		if !ok {
			continue
		}
		send, err := h.messages.Send(ctx, key)
		if errors.Is(err, sqldb.ErrNotFound) {
			err = errGone
		}
		return send, err
	}
	return message.Send{}, sqldb.ErrNotFound
}

// about returns what a mail reports of one send. A mail of tabi has one recipient. Where the report names others only, somebody forwards
// the mail to them: that one of them is dead does not mean that the customer's address is.
func about(m bounce.Mail, send message.Send) (reports []channel.Report, ignored []string) {
	own := func(text string) bool {
		return text == "" || len(send.Addresses) == 0 || slices.Contains(send.Addresses, address.Fold(address.Mailbox, text))
	}
	var forwarded []channel.Report
	for n, one := range m.Results {
		r := channel.Report{
			Kind: one.Kind, Channel: "email", Key: send.Key, Address: one.Address, At: m.At, Class: one.Class, Reason: one.Reason,
		}
		if m.ID != "" {
			r.ID = fmt.Sprintf("mail/%s/%d", m.ID, n)
		}
		final := one.Final
		if final == "" {
			final = one.Address
		}
		if r.Kind != channel.Bounced || own(final) {
			reports = append(reports, r)
			continue
		}
		r.Class = channel.Soft
		forwarded = append(forwarded, r)
	}
	if len(reports) == 0 && len(forwarded) > 0 {
		reports, forwarded = forwarded[:1], forwarded[1:]
		reports[0].Reason = "at an address that the mail was forwarded to: " + reports[0].Reason
	}
	for range forwarded {
		ignored = append(ignored, "another recipient than the customer: somebody forwards the mail")
	}
	return reports, ignored
}
