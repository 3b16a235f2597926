package activities

import (
	"context"
	"fmt"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/tracking"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Tracking configures tracked links.
type Tracking struct {
	// UTM is the value of utm_source of links; empty: links get no UTM parameters.
	UTM string
	// UTMDomains are the hosts, each with its subdomains, whose links get them; none: all.
	UTMDomains []string
}

// marker returns what makes the tracked links of a send; nil: its links stay as they are. They do where the channel has no links to
// track, where the message or the customer says no, and in transactional messages that do not say yes.
func (a *Activities) marker(in contract.Send, reservation message.Reservation, spec channel.Spec) *tracking.Marker {
	m := reservation.Message
	if a.cfg.Tracking == nil || !spec.Tracks || m == nil || !m.Tracks(reservation.Category) ||
		!consent.Tracking(reservation.Vars.Customer) {
		return nil
	}
	out := &tracking.Marker{
		Links: a.cfg.Links, Key: in.Key, Longest: tracking.LongestInOther, Domains: a.cfg.Tracking.UTMDomains,
		UTM: tracking.UTMOf(a.cfg.Tracking.UTM, spec.Name, in.Journey, in.Spec.Message),
	}
	switch spec.Name {
	case "email":
		out.Longest, out.Opens = tracking.LongestInMail, true
	case "sms":
		out.Longest = tracking.LongestInSMS
	}
	return out
}

// asLinks returns a marker for the options of a rendering.
func asLinks(m *tracking.Marker) render.Links {
	if m == nil {
		return nil
	}
	return m
}

// storeLinks stores the links of a send that have a code, before it goes out.
func (a *Activities) storeLinks(ctx context.Context, in contract.Send, m *tracking.Marker) error {
	if m == nil || len(m.Stored) == 0 {
		return nil
	}
	if err := a.cfg.Rooms.Messages.StoreLinks(ctx, a.sendTime(in.Clock), m.Stored); err != nil {
		return fmt.Errorf("the short links could not be stored: %w", err)
	}
	return nil
}

// notStored is the settlement of a send whose links could not be stored: it has not gone out, and is repeated.
func notStored(reservation message.Reservation) message.Settlement {
	return message.Settlement{
		Status: contract.StatusRetry, Reason: "its short links could not be stored", Waits: true, Slot: reservation.Slot,
	}
}
