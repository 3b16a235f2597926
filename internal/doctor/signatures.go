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
