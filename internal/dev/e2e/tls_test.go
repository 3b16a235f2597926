package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// pair is a certificate of this machine with its key, in two files.
type pair struct {
	testing.TB
	cert, key string
	roots     *x509.CertPool // trusts each certificate that was issued
}

func newPair(t testing.TB, dir string) *pair {
	t.Helper()
	p := &pair{TB: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), roots: x509.NewCertPool()}
	p.issue(1)
	return p
}

// issue writes another certificate over the files, as a program that renews it does.
func (p *pair) issue(serial int64) {
	p.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &private.PublicKey, private)
	if err != nil {
		p.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		p.Fatal(err)
	}
	for _, f := range []struct {
		name, kind string
		der        []byte
	}{{p.key, "PRIVATE KEY", key}, {p.cert, "CERTIFICATE", der}} { // for a moment the two do not fit
		made := f.name + ".new"
		if err := os.WriteFile(made, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			p.Fatal(err)
		}
		if err := os.Rename(made, f.name); err != nil {
			p.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		p.Fatal(err)
	}
	p.roots.AddCert(parsed)
}

// client is an HTTP client that trusts the certificates and keeps its connections.
func (p *pair) client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// serial is that of the certificate that a server shows to who connects now.
func (p *pair) serial(address string) (int64, error) {
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: p.roots})
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

// ready waits until a process answers over TLS.
func (p *pair) ready(address string) {
	p.Helper()
	client := p.client()
	await(p, address+" is ready", func() error {
		resp, err := client.Get("https://" + address + "/readyz")
		if err != nil {
			return err
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// serveTLS starts a second gateway, with a certificate of its own.
func (in *install) serveTLS(address string) *pair {
	in.Helper()
	p := newPair(in, in.dir)
	in.run("serve-tls", tabi(in), "serve", "--listen", address, "--public-url", (&url.URL{Scheme: "https", Host: address}).String(),
		"--tls-cert", p.cert, "--tls-key", p.key)
	p.ready(address)
	return p
}

// The binaries speak TLS by themselves: versions, HTTP/2, HSTS, cookies, and a renewed certificate, which drops no connection.
func TestBinariesSpeakTLS(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	in := newInstall(t, folder(map[string]string{"care.yaml": care}))
	in.deploy(database)
	secure, metrics := local(freePort()), local(freePort())
	p := in.serveTLS(secure)
	client := p.client()

	get := func(path string) (resp *http.Response, reused bool) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, "https://"+secure+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}
		resp, err = client.Do(req.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp, reused
	}
	resp, _ := get("/login")
	if resp.ProtoMajor != 2 || resp.TLS.Version < tls.VersionTLS12 || resp.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("%s, TLS %x, %v", resp.Proto, resp.TLS.Version, resp.Header)
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		conn, err := tls.Dial("tcp", secure, &tls.Config{RootCAs: p.roots, MinVersion: version, MaxVersion: version})
		if err == nil {
			_ = conn.Close()
			t.Errorf("version %x is spoken", version)
		}
	}

	// Who comes without TLS gets nothing, and is not sent on: a program would send its key again and again in clear.
	plain, err := http.Get("http://" + secure + "/login")
	if err != nil {
		t.Fatal(err)
	}
	_ = plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest || plain.Header.Get("Location") != "" {
		t.Errorf("without TLS: %d %v", plain.StatusCode, plain.Header)
	}

	form := url.Values{"token": {adminToken}, "name": {"Olga"}}
	login, err := client.PostForm("https://"+secure+"/login", form)
	if err != nil {
		t.Fatal(err)
	}
	_ = login.Body.Close()
	cookie := login.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-tabi_session=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"} {
		if !strings.Contains(cookie, part) || strings.Contains(cookie, "Domain") {
			t.Errorf("the cookie lacks %s: %d %s", part, login.StatusCode, cookie)
		}
	}

	// Renewal: new connections see the new certificate, old ones go on.
	p.issue(2)
	await(t, "the new certificate is shown", func() error {
		if got, err := p.serial(secure); err != nil || got != 2 {
			return errors.Join(err, errors.New("the old one"))
		}
		return nil
	})
	resp, reused := get("/login")
	if !reused || resp.StatusCode != http.StatusOK || resp.TLS.PeerCertificates[0].SerialNumber.Int64() != 1 {
		t.Errorf("a connection of before the renewal: reused %t, %d", reused, resp.StatusCode)
	}
	if err := os.WriteFile(p.cert, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := p.serial(secure); err != nil || got != 2 {
		t.Errorf("with a broken file: certificate %d, %v", got, err)
	}
	p.issue(3)

	// The worker's health and metrics, and the command that asks for them.
	in.procs["worker"].Stop(stopPatience)
	in.env = append(in.env, "TABI_METRICS_LISTEN="+metrics, "TABI_METRICS_TLS_CERT="+p.cert, "TABI_METRICS_TLS_KEY="+p.key)
	in.startWorker()
	p.ready(metrics)
	scraped, err := client.Get("https://" + metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(scraped.Body)
	_ = scraped.Body.Close()
	if err != nil || !bytes.Contains(body, []byte("tabi_template_odd_values_total")) && !bytes.Contains(body, []byte("temporal_")) {
		t.Errorf("%d %v %.200s", scraped.StatusCode, err, body)
	}
	if code, out := runProcess(in, time.Minute, in.env, tabiWorker(in), "health"); code != 0 {
		t.Errorf("tabi-worker health: %d %s", code, out)
	}
	p.issue(4)
	await(t, "the worker shows the new certificate", func() error {
		if got, err := p.serial(metrics); err != nil || got != 4 {
			return errors.Join(err, errors.New("the old one"))
		}
		return nil
	})
}
