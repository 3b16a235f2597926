package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/slack"
)

// certificateSoon is how long before its end a certificate is worth a look.
const certificateSoon = 14 * 24 * time.Hour

// certificateRemedy returns what to do about a certificate that is not accepted; otherwise, if the error is about something else.
func certificateRemedy(err error, otherwise string) string {
	var (
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the certificate, or correct this machine's clock"
	case errors.As(err, &unknown):
		return "take a certificate of a CA that this machine trusts, or name the CA's file in SSL_CERT_FILE"
	case errors.As(err, &name):
		return "take a certificate for this name, or correct the name"
	}
	return otherwise
}

// cause returns why a server is not reached, with the end of its certificate.
func cause(err error) string {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return "its certificate is valid from " + invalid.Cert.NotBefore.UTC().Format(time.DateOnly) + " to " +
			invalid.Cert.NotAfter.UTC().Format(time.DateOnly)
	}
	return httpclient.Cause(err)
}

// get sends a GET, follows no redirect, and drops the body.
func get(ctx context.Context, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	return answer, answer.Body.Close()
}

// trackURL looks whether the host before tracked links leads to the gateway: a customer who clicks sees an error otherwise.
func trackURL(ctx context.Context, p *Patient, r *report) {
	raw := strings.TrimRight(p.Config.TrackURL, "/")
	if raw == "" {
		r.ok("tracked links lead over the public URL")
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		r.fail("set TABI_TRACK_URL to an address such as https://click.example.com", "the address before tracked links is none")
		return
	}
	if u.Scheme != "https" && !localURL(u) {
		r.warn("serve it by TLS, and set TABI_TRACK_URL to the https address",
			"%s is not encrypted, and mail filters distrust its links", raw)
	}
	health, err := get(ctx, raw+"/healthz")
	if err != nil {
		do := certificateRemedy(err, "let TABI_TRACK_URL lead to the gateway: a CNAME, and a certificate for it")
		r.fail(do, "%s is not reached from here: %s", raw, cause(err))
		return
	}
	if health.StatusCode != http.StatusOK {
		r.fail("let TABI_TRACK_URL lead to the gateway", "%s/healthz answers %d", raw, health.StatusCode)
		return
	}
	if len(r.findings) == 0 {
		r.ok("%s is reached", raw)
	}
}

func publicURL(ctx context.Context, p *Patient, r *report) {
	raw := strings.TrimRight(p.Config.PublicURL, "/")
	if raw == "" {
		r.warn("set TABI_PUBLIC_URL: links in mails lead there", "no public URL is set")
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		r.fail("set TABI_PUBLIC_URL to an address such as https://tabi.example.com", "the public URL is no address")
		return
	}
	if u.Scheme != "https" && !localURL(u) {
		r.fail(
			"serve it by TLS, and set TABI_PUBLIC_URL to the https address",
			"%s is not encrypted: keys, cookies and names of customers can be read",
			raw,
		)
	}
	health, err := get(ctx, raw+"/healthz")
	if err != nil {
		do := certificateRemedy(err, "start tabi serve, or correct the proxy and TABI_PUBLIC_URL")
		r.fail(do, "%s is not reached from here: %s", raw, cause(err))
		return
	}
	if health.StatusCode != http.StatusOK {
		r.fail("correct the proxy, or TABI_PUBLIC_URL", "%s/healthz answers %d", raw, health.StatusCode)
		return
	}
	if u.Scheme == "https" && health.Header.Get("Strict-Transport-Security") == "" {
		r.warn("let the proxy keep the header, or set TABI_PUBLIC_URL of the gateway to the https address", "%s does not send "+
			"Strict-Transport-Security", raw)
	}
	if health.TLS != nil {
		expiry(r, health.TLS.PeerCertificates, raw)
	}
	if metrics, err := get(ctx, raw+"/metrics"); err == nil && metrics.StatusCode == http.StatusOK {
		r.fail("remove --insecure, and give the scraper a token", "%s/metrics is open to everybody", raw)
	}
	if len(r.findings) == 0 {
		r.ok("%s is reached", raw)
	}
}

// expiry says when a certificate ends, if that is soon.
func expiry(r *report, chain []*x509.Certificate, what string) {
	if len(chain) == 0 {
		return
	}
	switch left := chain[0].NotAfter.Sub(clock.Wall()); {
	case left < 0:
		r.fail("renew it", "the certificate of %s ended %s", what, chain[0].NotAfter.UTC().Format(time.DateOnly))
	case left < certificateSoon:
		r.warn("renew it", "the certificate of %s ends %s", what, chain[0].NotAfter.UTC().Format(time.DateOnly))
	}
}

func certificateFiles(_ context.Context, p *Patient, r *report) {
	c := p.Config
	if c.TLSCert == "" {
		r.skip("the gateway has none: a proxy must have it")
		return
	}
	if leaf := certificateOf(r, c.TLSCert, c.TLSKey, "TABI_TLS_CERT and TABI_TLS_KEY"); leaf != nil && len(r.findings) == 0 {
		r.ok("for %s, until %s", strings.Join(leaf.DNSNames, ", "), leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}

// certificateOf reads a certificate with its key, and says when it ends, if that is soon. It returns nil if they cannot be used.
func certificateOf(r *report, cert, key, settings string) *x509.Certificate {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		r.fail("correct "+settings, "%s", err)
		return nil
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		r.fail("renew it", "%s", err)
		return nil
	}
	expiry(r, []*x509.Certificate{leaf}, cert)
	return leaf
}

// signIn looks for the provider of sign-ins.
func signIn(ctx context.Context, p *Patient, r *report) {
	issuer := p.lookup("TABI_OIDC_ISSUER")
	if issuer == "" {
		r.skip("people sign in with tokens: TABI_OIDC_ISSUER is not set")
		return
	}
	if err := auth.TryProvider(ctx, issuer); err != nil { // with all that the gateway asks of it
		why := human.Shorten(err.Error(), 200)
		if away := new(url.Error); errors.As(err, &away) {
			why = cause(err)
		}
		r.fail(certificateRemedy(err, "correct TABI_OIDC_ISSUER, to the letter as the provider writes it, or the network"),
			"people cannot sign in by the provider: %s", why)
		return
	}
	r.ok("the provider answers, and calls itself by TABI_OIDC_ISSUER")
}

// mail connects to the mail server, up to the sign-in, and sends nothing.
func mail(ctx context.Context, p *Patient, r *report) {
	if p.Config.Channels.EmailURL == "" {
		r.skip("TABI_EMAIL_URL is not set")
		return
	}
	switch name, base, err := channels.MailAPI(p.Config.Channels); {
	case err != nil:
		r.fail("correct it: no mail is sent", "%s", err)
		return
	case name != "":
		if err := connect(ctx, base); err != nil {
			r.fail(certificateRemedy(err, "correct TABI_EMAIL_URL, or the network"), "the API of %s is not reached: %s", name, cause(err))
			return
		}
		r.ok("the API of %s is reached", name)
		return
	}
	encrypted, err := channels.TryMail(ctx, p.Config.Channels)
	switch {
	case err != nil:
		r.fail("correct TABI_EMAIL_URL, or the network", "the mail server takes nothing: %s", err)
	case !encrypted && !strings.Contains(string(p.Config.Channels.EmailURL), "tls=none"): // it is not needed on this machine only
		r.ok("the mail server on this machine is reached, without encryption")
	case !encrypted:
		r.warn("remove tls=none, unless the network is trusted", "the mail server is reached, without encryption")
	default:
		r.ok("the mail server is reached, encrypted")
	}
}

// providers connects to the other providers, and sends nothing.
func providers(ctx context.Context, p *Patient, r *report) {
	c := p.Config
	fcm := ""
	if c.Channels.FCMCredentials != "" {
		if fcm = c.Channels.FCMURL; fcm == "" {
			fcm = "https://fcm.googleapis.com"
		}
	}
	line, whatsapp := "", ""
	if c.Provided(chatapi.LineToken) != "" {
		line = cmp.Or(c.Provided(chatapi.LineURL), chatapi.DefaultLineURL)
	}
	if c.Provided(chatapi.WhatsAppToken) != "" {
		whatsapp = cmp.Or(c.Provided(chatapi.WhatsAppURL), chatapi.DefaultWhatsAppURL)
	}
	for _, one := range []struct{ name, address, setting string }{
		{"LINE", line, chatapi.LineURL}, {"WhatsApp", whatsapp, chatapi.WhatsAppURL},
		{"the SMS provider", channels.SMSAddress(c.Channels.SMSURL), "TABI_SMS_URL"}, {"the push provider", fcm, "TABI_FCM_URL"},
		{"the classifier", c.Classifier.URL, "TABI_CLASSIFIER_URL"},
	} {
		if one.address == "" {
			continue
		}
		if err := connect(ctx, one.address); err != nil {
			do := certificateRemedy(err, "correct "+one.setting+", or the network")
			r.fail(do, "%s is not reached: %s", one.name, cause(err))
			continue
		}
		r.ok("%s is reached", one.name)
	}
	if n, err := slack.New(c.Channels.Keys, nil, "", nil); err != nil {
		r.fail("correct it", "the staff is not told of hand-offs in Slack: %s", err)
	} else if n != nil {
		r.ok("the staff is told of hand-offs in Slack")
	}
	if len(r.findings) == 0 {
		r.skip("none is configured")
	}
}

// reports says whose reports the gateway accepts, and which setting is missing for the others.
func reports(_ context.Context, p *Patient, r *report) {
	_, all, err := p.Config.Receivers()
	if err != nil {
		r.fail("correct it: tabi serve does not start with it", "%s", err)
	}
	var accepts, others []string
	for _, one := range all {
		name, missing := one.Provider.Name, strings.Join(one.Missing, ", ")
		switch {
		case one.Accepts:
			accepts = append(accepts, name)
		case one.Begun:
			r.fail("set "+missing, "the reports of %s are not accepted: %s is missing", name, missing)
		default:
			others = append(others, name+" ("+missing+")")
		}
	}
	if len(accepts) > 0 && err == nil {
		r.ok("accepted at /v1/providers/<name>: %s", strings.Join(accepts, ", "))
	}
	if len(others) > 0 {
		r.skip("not set up: %s", strings.Join(others, ", "))
	}
}

// connect opens a connection to the host of an address, with TLS for https.
func connect(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("not an address")
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[u.Scheme == "https"]
	}
	at := net.JoinHostPort(u.Hostname(), port)
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", at)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}
	if err != nil {
		return err
	}
	return conn.Close()
}
