package channels

import (
	"context"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
)

// push sends to each device by the service that its token is of: Firebase Cloud Messaging or Apple's push service.
type push struct {
	spec channel.Spec
	fcm  *fcm  // nil: not configured
	apns *apns // nil: not configured
}

// Settings of Apple's push service.
const (
	apnsKey   = "TABI_APNS_KEY"
	apnsKeyID = "TABI_APNS_KEY_ID"
	apnsTeam  = "TABI_APNS_TEAM_ID"
	apnsTopic = "TABI_APNS_TOPIC"
	apnsURL   = "TABI_APNS_URL"
)

// pushProviders returns the services of pushes that declare their settings here.
func pushProviders() []provider.Provider {
	return []provider.Provider{{
		Name: "apns", Channel: "push",
		Settings: []provider.Setting{
			{Name: apnsKey, Doc: "signing key of Apple's push service: the .p8 file, in PEM form", Use: provider.Sends},
			{Name: apnsKeyID, Doc: "id of the signing key: 10 characters", Use: provider.Sends, Open: true},
			{Name: apnsTeam, Doc: "id of the team at Apple: 10 characters", Use: provider.Sends, Open: true},
			{Name: apnsTopic, Doc: "bundle id of the app, such as com.example.shop", Use: provider.Sends, Open: true},
			{Name: apnsURL, Doc: "URL to send pushes to, or sandbox for development builds of the app; empty: Apple's",
				Use: provider.Sends, Open: true, Optional: true},
		},
	}, webPushProvider}
}

func openPush(cfg Config) (channel.Channel, error) {
	p := &push{spec: pushSpec}
	missing, some := pushProviders()[0].Missing(cfg.Keys, provider.Sends)
	var err error
	if strings.TrimSpace(cfg.FCMCredentials) != "" {
		if p.fcm, err = openFCM(cfg); err != nil {
			return nil, err
		}
	}
	switch {
	case some && len(missing) > 0:
		return nil, variable(missing[0], "must be set too, to send by Apple's push service")
	case some:
		if p.apns, err = openAPNs(cfg); err != nil {
			return nil, err
		}
	case p.fcm == nil:
		return nil, &channel.NotConfiguredError{Setting: "TABI_FCM_CREDENTIALS or " + apnsKey}
	}
	return p, nil
}

func (p *push) Spec() channel.Spec { return p.spec }

// Dedupes is true: a repeat has the same name as the first message, and takes its place on the device.
func (p *push) Dedupes() bool { return true }

// Close closes idle connections.
func (p *push) Close() error {
	if p.fcm != nil {
		p.fcm.close()
	}
	if p.apns != nil {
		p.apns.close()
	}
	return nil
}

// Send sends to one device: Message.Address is its token.
func (p *push) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, p.spec, m); bad {
		return r
	}
	lacking := func(setting, whose string) channel.Receipt {
		return channel.Receipt{
			Outcome: channel.Refused, Reason: NotConfigured + ": the device's token is one of " + whose + ": set " + setting,
		}
	}
	switch apple := address.APNs(strings.TrimSpace(m.Address)); {
	case apple && p.apns != nil:
		return p.apns.send(ctx, m)
	case apple:
		return lacking(apnsKey, "Apple's push service")
	case p.fcm != nil:
		return p.fcm.send(ctx, m)
	}
	return lacking("TABI_FCM_CREDENTIALS", "Firebase")
}

// timeToLive is how long a push waits for a device that is offline: what is said to sell is old after a day.
func timeToLive(m channel.Message) time.Duration {
	if m.Category == "transactional" {
		return 72 * time.Hour
	}
	return 24 * time.Hour
}

// buttonsCategory is the category of a push with buttons on Apple devices: the app makes it of the buttons in the payload.
const buttonsCategory = "tabi_buttons"
