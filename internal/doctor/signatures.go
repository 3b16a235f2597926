package doctor

import (
	"context"
	"net"

	"github.com/tabi-journeys/tabi/activities/channels"
)

// signatures compares the keys that sign mails with what DNS says of them.
func signatures(ctx context.Context, p *Patient, r *report) {
	signer, err := channels.DKIM(p.Config.Channels)
	switch {
	case err != nil:
		r.fail("correct it: no worker starts with it", "%s", err)
		return
	case signer == nil:
		r.skip("TABI_DKIM_KEY is not set: the mail server signs, or nobody")
		return
	}
	if domain := signer.Domain(); !channels.Aligned(p.Config.Channels, domain) {
		r.warn("set TABI_DKIM_DOMAIN to the domain of TABI_MAIL_FROM, or one above it",
			"%s signs, and is not the domain of TABI_MAIL_FROM: receivers that go by DMARC do not count the signature", domain)
	}
	lookup := p.LookupTXT
	if lookup == nil {
		lookup = net.DefaultResolver.LookupTXT
	}
	records, err := signer.Records(ctx, lookup)
	if err != nil {
		r.warn("look at it from a machine with DNS", "%s", err)
		return
	}
	for _, one := range records {
		switch {
		case one.Wrong != "":
			r.fail("publish a TXT record: "+one.Want, "%s: %s", one.Name, one.Wrong)
		case one.Weak != "":
			r.warn("take a key of 2048 bits, or correct the record", "%s: %s", one.Name, one.Weak)
		default:
			r.ok("%s has the key", one.Name)
		}
	}
}

// bounceMailbox signs in to the mailbox of bounces, and changes nothing there.
func bounceMailbox(ctx context.Context, p *Patient, r *report) {
	address, err := p.Config.Mailbox()
	switch {
	case err != nil:
		r.fail("correct it: no gateway starts with it", "%s", err)
		return
	case address == nil:
		r.skip("TABI_BOUNCE_MAILBOX is not set")
		return
	}
	mails, err := address.Try(ctx)
	if err != nil {
		r.fail("correct TABI_BOUNCE_MAILBOX and its password, or the network", "%s cannot be read: %s", address, cause(err))
		return
	}
	r.ok("%s is read, and has %d mails", address, mails)
}
