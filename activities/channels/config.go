package channels

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// Config configures the channels. Package app fills it from flags and the environment variables named here. Its secrets
// never appear in errors or logs.
type Config struct {
	// EmailURL (TABI_EMAIL_URL) is what sends mails: the API of a provider, as in postmark:// or ses://eu-west-1 (package mailapi), whose
	// keys are in Keys; or a mail server: smtp://user:password@host:port, or smtps:// for TLS from the first
	// byte. STARTTLS is required, unless the server is on this machine: there it is used if it is offered, and required with
	// ?tls=required. It is never used with ?tls=none.
	// A password goes over an encrypted connection or to this machine only. Default ports: 587, and 465 for smtps.
	EmailURL string
	// EmailCurrent returns EmailURL with user and password of now, for new connections; nil: those of EmailURL stay.
	EmailCurrent func() string
	// MailFrom (TABI_MAIL_FROM) is the sender: "Shop <shop@example.com>". Needed with EmailURL.
	MailFrom string
	// BounceAddress (TABI_BOUNCE_ADDRESS) is where mails are returned to that cannot be delivered: bounces@example.com, with a token
	// after a +, or bounces-*@example.com, with the token in place of the *. Default: the address of MailFrom, without a token.
	BounceAddress string
	// DKIMKey (TABI_DKIM_KEY) has the private keys that sign mails over SMTP, in PEM form. None: mails are not signed here.
	DKIMKey string
	// DKIMSelector (TABI_DKIM_SELECTOR) has the name of each key in DNS, separated by commas. Needed with DKIMKey.
	DKIMSelector string
	// DKIMDomain (TABI_DKIM_DOMAIN) is the domain that signs. Default: that of MailFrom.
	DKIMDomain string
	// Proofs sign mails, so that a bounce can prove which one it is about. None: nothing is signed.
	Proofs signedlink.Secrets
	// SMTPConnections (TABI_SMTP_CONNECTIONS) is how many connections to the mail server may be open at once.
	// Default 4.
	SMTPConnections int

	// FCMCredentials (TABI_FCM_CREDENTIALS) is the service account of Firebase Cloud Messaging: the path of its JSON
	// file, or the JSON itself.
	FCMCredentials string
	// FCMProject (TABI_FCM_PROJECT) is the project to send from. Default: project_id of the credentials.
	FCMProject string
	// FCMURL (TABI_FCM_URL) is where messages are sent. Default https://fcm.googleapis.com. Access
	// tokens come from token_uri of the credentials.
	FCMURL string

	// SMSURL (TABI_SMS_URL) says who takes text messages: twilio://ACCOUNT?from=+15005550006 or ?service=MG…,
	// vonage://API_KEY?from=Shop, or the http or https URL of a provider, which gets a POST of {"to","text","key"}, signed by the
	// Standard Webhooks spec. ?api=URL replaces the address of Twilio's or Vonage's API.
	SMSURL string
	// SMSSecret (TABI_SMS_SECRET) signs the calls to a URL: whsec_ and base64 of 24 to 64 bytes. Needed with such an SMSURL.
	SMSSecret string
	// PublicURL (TABI_PUBLIC_URL) is where providers reach the gateway: they report the fate of each message there.
	PublicURL string

	// WebhookSecret (TABI_WEBHOOK_SECRET) signs webhooks: whsec_ and base64 of 24 to 64 bytes. Several, separated by
	// spaces or commas, all sign, so that receivers can change from one to the next.
	WebhookSecret string
	// WebhookAllowPrivate (TABI_WEBHOOK_ALLOW_PRIVATE) lets webhooks go to loopback, private and link-local addresses.
	WebhookAllowPrivate bool

	// Keys has the settings of the providers, by the variable: see Providers.
	Keys provider.Keys

	// Timeout (TABI_SEND_TIMEOUT) ends an attempt to send, connecting included. Default 10 s. An earlier deadline of
	// the caller counts.
	Timeout time.Duration
	// RootCAs are the authorities that servers' certificates are checked against. Default: the system's.
	RootCAs *x509.CertPool
	// Log is where the channel `log` prints. Default: standard output.
	Log io.Writer
}

// Defaults of Config.
const (
	DefaultSMTPConnections = 4
	DefaultTimeout         = 10 * time.Second
)

// withDefaults fills in the defaults.
func (c Config) withDefaults() Config {
	if c.SMTPConnections <= 0 {
		c.SMTPConnections = DefaultSMTPConnections
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Log == nil {
		c.Log = os.Stdout
	}
	return c
}

// variable returns an error about a setting, without its value.
func variable(name, format string, args ...any) error {
	return fmt.Errorf("%s: %w", name, fmt.Errorf(format, args...))
}
