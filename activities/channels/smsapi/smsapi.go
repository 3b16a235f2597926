// Package smsapi has the providers of text messages, one file each: their settings, and how the requests are read by which they report
// statuses and replies. The channel sms sends by them.
package smsapi

import (
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
)

// channelName is the channel of all reports of this package.
const channelName = "sms"

// Providers returns the providers of text messages that tabi ships, one line each.
func Providers() []provider.Provider {
	return []provider.Provider{
		twilio,
		vonage,
	}
}

// number returns a number in E.164 form, of one with or without +.
func number(text string) string {
	text = strings.TrimSpace(text)
	if text != "" && strings.Trim(text, "0123456789") == "" {
		text = "+" + text
	}
	return address.Fold(address.Phone, text)
}

// failure returns the report of a message that was not delivered: the number is dead, it has opted out, it may work later, or the
// message was refused and not the number. code is the provider's number with its prefix of package address.
func failure(r channel.Report, code string) channel.Report {
	verdict, known := address.Word(code)
	switch {
	case address.OptedOut(code):
		r.Kind = channel.Blocked
	case verdict == address.Hard:
		r.Kind, r.Class = channel.Bounced, channel.Hard
	case known && verdict == address.Soft:
		r.Kind, r.Class = channel.Bounced, channel.Soft
	default:
		r.Kind = channel.Failed
	}
	return r
}
