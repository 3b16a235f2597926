package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/doctor"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/retention"
)

// examine examines an installation with an environment.
func examine(t *testing.T, env map[string]string) map[string][]doctor.Finding {
	t.Helper()
	return examineWith(t, env, func(context.Context, string) ([]string, error) { return nil, errors.New("tests have no DNS") })
}

// examineWith is examine with an answer of DNS.
func examineWith(t *testing.T, env map[string]string, dns func(context.Context, string) ([]string, error)) map[string][]doctor.Finding {
	t.Helper()
	cfg := &app.Config{}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	cfg.Register(fs, app.Storage|app.Temporal|app.HTTP|app.Channels|app.Work|app.Relay|app.Words)
	if err := cfg.Load(fs, func(name string) (string, bool) { v, ok := env[name]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	cfg.TemporalAddr, cfg.ConnectTimeout = "127.0.0.1:1", 100*time.Millisecond
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	out := map[string][]doctor.Finding{}
	for _, f := range doctor.Examine(t.Context(), &doctor.Patient{Config: cfg, Environ: environ, LookupTXT: dns}) {
		name := f.Area + "/" + f.Check
		out[name] = append(out[name], f)
		for _, secret := range []string{"p@ss", "hush", env["TABI_SECRET"]} {
			if secret != "" && strings.Contains(f.Found+f.Do, secret) {
				t.Errorf("%s shows a secret: %+v", name, f)
			}
		}
	}
	return out
}

// has fails the test unless a check has a finding of this level with this text.
func has(t *testing.T, found map[string][]doctor.Finding, check string, level doctor.Level, text string) {
	t.Helper()
	for _, f := range found[check] {
		if f.Level == level && strings.Contains(f.Found, text) {
			return
		}
	}
	t.Errorf("%s: want %s with %q, got %+v", check, level, text, found[check])
}

// What is outside is reached, and what is unsafe there is seen.
func TestOutside(t *testing.T) {
	t.Parallel()
	open, safe := http.NewServeMux(), http.NewServeMux()
	for _, mux := range []*http.ServeMux{open, safe} {
		mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"issuer":"http://%s","jwks_uri":"http://%[1]s/keys","authorization_endpoint":"http://%[1]s/a",`+
				`"token_endpoint":"http://%[1]s/t"}`, r.Host)
		})
	}
	open.HandleFunc("/metrics", func(http.ResponseWriter, *http.Request) {})
	bad, good := httptest.NewServer(open), httptest.NewServer(safe)
	t.Cleanup(bad.Close)
	t.Cleanup(good.Close)
	sink, err := devsinks.Start(devsinks.Options{User: "tabi", Password: "p@ss"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	base := func(more map[string]string) map[string]string {
		env := map[string]string{"TABI_DATA_DIR": t.TempDir(), "TABI_MAIL_FROM": "shop@example.com"}
		for k, v := range more {
			env[k] = v
		}
		return env
	}
	_, port, _ := strings.Cut(sink.SMTPAddress(), ":")
	found := examine(t, base(map[string]string{
		"TABI_PUBLIC_URL": good.URL, "TABI_TRACK_URL": good.URL, "TABI_OIDC_ISSUER": good.URL,
		"TABI_EMAIL_URL": "smtp://tabi:p%40ss@" + sink.SMTPAddress(),
		"TABI_SMS_URL":   good.URL + "/sms", "TABI_SMS_SECRET": "whsec_aHVzaGh1c2hodXNoaHVzaGh1c2hodXNo",
	}))
	has(t, found, "gateway/public URL", doctor.OK, "is reached")
	has(t, found, "gateway/tracked links", doctor.OK, "is reached")
	has(t, found, "gateway/sign-in", doctor.OK, "answers")
	has(t, found, "channels/e-mail", doctor.OK, "on this machine")
	has(t, found, "channels/providers", doctor.OK, "SMS provider is reached")
	has(t, found, "temporal/reached", doctor.Fail, "127.0.0.1:1")
	if n := len(sink.Mails()); n != 0 {
		t.Errorf("%d mails were sent", n)
	}
	found = examine(t, base(map[string]string{
		"TABI_PUBLIC_URL": bad.URL, "TABI_OIDC_ISSUER": bad.URL + "/nowhere", "TABI_EMAIL_URL": "smtp://0.0.0.0:" + port,
		"TABI_INSECURE": "true",
	}))
	has(t, found, "gateway/public URL", doctor.Fail, "/metrics is open")
	has(t, found, "gateway/sign-in", doctor.Fail, "404")
	has(t, found, "channels/e-mail", doctor.Fail, "STARTTLS")
	has(t, found, "settings/access", doctor.Fail, "open to everybody")
	found = examine(
		t,
		base(map[string]string{"TABI_PUBLIC_URL": "http://tabi.invalid", "TABI_TRACK_URL": "http://t.invalid",
			"TABI_EMAIL_URL": "smtp://tabi:hush@" + sink.SMTPAddress()}),
	)
	has(t, found, "gateway/public URL", doctor.Fail, "not encrypted")
	has(t, found, "gateway/public URL", doctor.Fail, "not reached")
	has(t, found, "gateway/tracked links", doctor.Warn, "not encrypted")
	has(t, found, "gateway/tracked links", doctor.Fail, "not reached")
	has(t, found, "channels/e-mail", doctor.Fail, "AUTH")
	// An issuer that the gateway would not take: the provider calls itself otherwise.
	found = examine(t, base(map[string]string{"TABI_OIDC_ISSUER": good.URL + "/"}))
	has(t, found, "gateway/sign-in", doctor.Fail, "did not match")
}

// Keys that are old, were never used or end soon are named.
func TestKeysOfAnInstallation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st, err := engine.Open(t.Context(), engine.Options{URL: filepath.Join(dir, "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	now := clock.Wall()
	for name, k := range map[string]struct{ made, ends time.Time }{
		"old": {now.AddDate(-2, 0, 0), time.Time{}}, "idle": {now.AddDate(0, -2, 0), time.Time{}}, "fresh": {now, time.Time{}},
		"ending": {now, now.Add(time.Hour)},
	} {
		key := access.Key{Name: name, Kind: access.ServerKey, ExpiresAt: k.ends}
		if _, _, err := st.Access.CreateKey(t.Context(), k.made, key); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	found := examine(t, map[string]string{"TABI_DATA_DIR": dir})
	has(t, found, "store/keys", doctor.Warn, `"old" is older than a year`)
	has(t, found, "store/keys", doctor.Warn, `"idle" was never used`)
	has(t, found, "store/keys", doctor.Warn, `"ending" ends`)
	has(t, found, "store/keys", doctor.Warn, "no token exists")
	if n := len(found["store/keys"]); n != 4 {
		t.Errorf("%d findings: %+v", n, found["store/keys"])
	}
}

// A PostgreSQL database is examined before and after its schema is there.
func TestPostgres(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	env := map[string]string{"TABI_DATABASE": url, "TABI_SECRET": "w8x2-k3q7-m5z9-r4t6"}
	found := examine(t, env)
	has(t, found, "database/reached", doctor.OK, "postgresql")
	has(t, found, "database/version", doctor.OK, "PostgreSQL 1")
	has(t, found, "database/schema", doctor.Warn, "empty")
	has(t, found, "database/connections", doctor.OK, "are used")
	has(t, found, "database/clock", doctor.OK, "less than")
	has(t, found, "store/release", doctor.Note, "cannot be used")
	st, err := engine.Open(t.Context(), engine.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	seen := func(ago time.Duration, policy string) {
		t.Helper()
		if _, _, err := retention.TakeTurn(t.Context(), st.Database, "p", clock.Wall().Add(-ago), func(now *retention.Turn) {
			now.Policy = policy
		}); err != nil {
			t.Fatal(err)
		}
	}
	has(t, examine(t, env), "store/retention", doctor.Note, "nothing was deleted yet")
	seen(2*time.Hour, "")
	has(t, examine(t, env), "store/retention", doctor.Warn, "no process has deleted old data since")
	seen(0, "events=2y")
	has(t, examine(t, env), "store/retention", doctor.Warn, "the processes delete by events=2y")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	env["TABI_RETENTION"] = "events=400d,audit=forever"
	found = examine(t, env)
	has(t, found, "store/retention", doctor.Warn, "enrollments, sends, handoffs: they are kept forever")
	has(t, found, "database/schema", doctor.OK, "version")
	has(t, found, "database/transport", doctor.OK, "this machine")
	has(t, found, "store/release", doctor.Warn, "nothing is published")
	has(t, found, "store/outbox", doctor.OK, "empty")
}

// What is wrong with a database is said so that an operator knows what to do.
func TestDatabaseThatIsNotReached(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	other := func(change func(*url.URL)) string {
		u := *good
		change(&u)
		return u.String()
	}
	for name, one := range map[string]struct{ database, do string }{
		"no such database": {other(func(u *url.URL) { u.Path = "/nothere" }), "create the database"},
		"nobody listens":   {other(func(u *url.URL) { u.Host, u.RawQuery = "127.0.0.1:1", "" }), "start it"},
		"no such file":     {filepath.Join(t.TempDir(), "none.db"), "start tabi serve once"},
	} {
		found := examine(t, map[string]string{"TABI_DATABASE": one.database, "TABI_SECRET": "w8x2-k3q7-m5z9-r4t6"})
		has(t, found, "database/reached", doctor.Fail, "")
		if got := found["database/reached"]; len(got) == 1 && !strings.Contains(got[0].Do, one.do) {
			t.Errorf("%s: %+v, want to %s", name, got[0], one.do)
		}
		has(t, found, "store/release", doctor.Note, "cannot be used")
	}
}

// A value that no process starts with is not called neither weak nor shared.
func TestSecretsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"TABI_SECRET": "hush", "TABI_LINK_SECRETS": "hush", "TABI_WRITE_KEYS": "hush=nothing", "TABI_TOKENS": "hush",
		"TABI_OIDC_ROLES": "x",
	} {
		found := examine(t, map[string]string{"TABI_DATA_DIR": t.TempDir(), name: value})
		has(t, found, "settings/secrets", doctor.Fail, "")
		for _, f := range found["settings/secrets"] {
			if f.Level == doctor.OK {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// Certificates that have ended, are of an unknown CA, or cannot be read.
func TestCertificates(t *testing.T) {
	t.Parallel()
	pair := func(name string, until time.Time) (cert, key string) {
		secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until}
		der, err := x509.CreateCertificate(rand.Reader, &template, &template, &secret.PublicKey, secret)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := x509.MarshalPKCS8PrivateKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
			if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return cert, key
	}
	for name, one := range map[string]struct {
		until time.Time
		level doctor.Level
		text  string
	}{
		"ended": {clock.Wall().Add(-time.Hour), doctor.Fail, "ended"},
		"soon":  {clock.Wall().Add(48 * time.Hour), doctor.Warn, "ends"},
		"fresh": {clock.Wall().AddDate(1, 0, 0), doctor.OK, "until"},
	} {
		cert, key := pair(name, one.until)
		loaded, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{Certificates: []tls.Certificate{loaded}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
		t.Cleanup(server.Close)
		found := examine(t, map[string]string{"TABI_DATA_DIR": t.TempDir(), "TABI_TLS_CERT": cert, "TABI_TLS_KEY": key,
			"TEMPORAL_TLS_CLIENT_CERT_PATH": cert, "TEMPORAL_TLS_CLIENT_KEY_PATH": key, "TABI_PUBLIC_URL": server.URL})
		has(t, found, "gateway/certificate", one.level, one.text)
		has(t, found, "temporal/certificate", one.level, one.text)
		has(t, found, "gateway/public URL", doctor.Fail, map[string]string{"ended": "its certificate is valid from"}[name])
	}
	found := examine(t, map[string]string{"TABI_DATA_DIR": t.TempDir(), "TABI_TLS_CERT": "/nowhere", "TABI_TLS_KEY": "/nowhere"})
	has(t, found, "gateway/certificate", doctor.Fail, "/nowhere")
}

// What DNS says of the keys that sign mails is compared with them.
func TestSignaturesOfMails(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dkim.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	public, _ := private.Public().(ed25519.PublicKey)
	record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	env := map[string]string{"TABI_DATA_DIR": t.TempDir(), "TABI_MAIL_FROM": "shop@mail.example.com", "TABI_DKIM_KEY": "@" + file,
		"TABI_DKIM_SELECTOR": "s1", "TABI_DKIM_DOMAIN": "example.com"}
	says := func(text string) func(context.Context, string) ([]string, error) {
		return func(context.Context, string) ([]string, error) { return []string{text}, nil }
	}
	has(t, examineWith(t, env, says(record)), "channels/DKIM", doctor.OK, "s1._domainkey.example.com has the key")
	found := examineWith(t, env, says("v=DKIM1; k=ed25519; p=AAAA"))
	has(t, found, "channels/DKIM", doctor.Fail, "p= is another key")
	if do := found["channels/DKIM"][0].Do; !strings.Contains(do, record) {
		t.Errorf("it does not say what to publish: %s", do)
	}
	has(t, examine(t, env), "channels/DKIM", doctor.Warn, "DNS does not answer")
	env["TABI_BOUNCE_MAILBOX"], env["TABI_BOUNCE_MAILBOX_PASSWORD"] = "imap://u@127.0.0.1:1/INBOX", "hush-hush"
	has(t, examine(t, env), "channels/bounce mailbox", doctor.Fail, "connection refused")
	env["TABI_BOUNCE_MAILBOX"] = "imaps://host"
	has(t, examine(t, env), "channels/bounce mailbox", doctor.Fail, "no user")
	env["TABI_DKIM_DOMAIN"] = "example.org"
	has(t, examineWith(t, env, says(record)), "channels/DKIM", doctor.Warn, "not the domain of TABI_MAIL_FROM")
	delete(env, "TABI_DKIM_SELECTOR")
	has(t, examine(t, env), "channels/DKIM", doctor.Fail, "TABI_DKIM_SELECTOR: must be set")
	has(t, examine(t, map[string]string{"TABI_DATA_DIR": t.TempDir()}), "channels/DKIM", doctor.Note, "TABI_DKIM_KEY is not set")
}
