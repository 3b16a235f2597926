package message

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// ownReason is a reason where it is one word in capitals, without what addresses and phone numbers have, and empty otherwise.
const ownReason = `case when reason = upper(reason) and lower(substr(reason, 1, 1)) <> substr(reason, 1, 1)
	and reason not like '% %' and reason not like '%@%' and reason not like '%:%' then reason else '' end`

// Forget is an OnForget hook of this room. The ledger keeps that a message was sent, for the numbers of its journey, without to
// whom and with which words. A reason stays where it is one of tabi's own or of the policy; a provider's may quote the address.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	// First, since the rows are found by the ledger's.
	if err := forgetTracking(ctx, b, f); err != nil {
		return err
	}
	// The keys of inbound decisions' sends hold the customer's id.
	if err := f.Rename(ctx, b, "sends", `select key from sends where customer = $1 and enrollment = '' and key not like 'forgotten/%'
		limit $2`); err != nil {
		return err
	}
	if err := hideAddresses(ctx, b, f); err != nil {
		return err
	}
	if err := f.Replace(ctx, b, "sends", "key", `customer = $2, address = '', provider_id = '', rendered = '', policy_trace = '',
		route = '', reason = `+ownReason, `customer = $1`,
		"that a message was sent, for the numbers of its journey; not to whom", f.Customer, f.Pseudonym); err != nil {
		return err
	}
	return f.Erase(ctx, b, "channel_engagement", "customer, channel", `customer = $1`,
		"how the customer answered on each channel", f.Customer)
}

// hideAddresses hides the addresses that the customer's messages went to: it may have others by now.
func hideAddresses(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	keys := map[string][]string{}
	if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
		var channel, addresses string
		err := r.Scan(&channel, &addresses)
		keys[channel] = append(keys[channel], strings.Split(addresses, "\n")...)
		return err
	}, `select distinct channel, address from sends where customer = $1 and address <> ''`, f.Customer); err != nil {
		return err
	}
	for _, channel := range slices.Sorted(maps.Keys(keys)) {
		if err := customer.HideAddresses(ctx, b, f, channel, keys[channel]); err != nil {
			return err
		}
	}
	return nil
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{
		Table: "sends", Title: "Messages to you", Where: `customer = $1`, Key: "at, key",
		Hide: []string{"token", "lease_until", "rate_slot_at", "release", "until_at"},
	},
	{
		Table: "tracking_hits", Title: "What programs did with links and pictures of messages to you", Key: "at, id",
		Where: `send in (select key from sends where customer = $1)`, Hide: []string{"due"},
	},
	{
		Table: "short_links", Title: "Links of messages to you", Key: "at, code",
		Where: `send in (select key from sends where customer = $1)`, Hide: []string{"utm"},
	},
	{Table: "channel_engagement", Title: "How you answer, by channel", Where: `customer = $1`, Key: "customer, channel"},
}
