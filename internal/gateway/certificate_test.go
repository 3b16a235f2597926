package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// A renewed certificate is served from the next handshake on; one that does not fit its key is not. Nobody speaks a version before
// TLS 1.2.
func TestCertificateIsReloaded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(name string, pemText []byte, at int) {
		t.Helper()
		if err := os.WriteFile(name, pemText, 0o600); err != nil {
			t.Fatal(err)
		}
		stamp := instant.Add(time.Duration(at) * time.Second) // two writes within the clock's tick differ
		if err := os.Chtimes(name, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	firstCert, firstKey := selfSigned(t, "first.example.com")
	secondCert, secondKey := selfSigned(t, "second.example.com")
	if _, err := LoadCertificate(certFile, keyFile, zap.NewNop()); err == nil {
		t.Error("a certificate that is not there is taken")
	}
	write(certFile, firstCert, 0)
	write(keyFile, firstKey, 0)
	core, logs := observer.New(zapcore.ErrorLevel)
	cert, err := LoadCertificate(certFile, keyFile, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) })
		served <- Serve(ctx, Server(answer, zap.NewNop()), cert.Listener(plain))
	}()
	t.Cleanup(func() { stop(); <-served })
	name := func(versions uint16) string {
		t.Helper()
		config := &tls.Config{
			InsecureSkipVerify: true,
			MaxVersion:         versions,
			NextProtos:         []string{"h2"},
		} //nolint:gosec // the name is looked at
		conn, err := tls.Dial("tcp", plain.Addr().String(), config)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = conn.Close() }()
		if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
			t.Errorf("the protocol is %q", got)
		}
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := name(0); got != "first.example.com" {
		t.Errorf("at first: %s", got)
	}
	write(certFile, secondCert, 1) // its key is not there yet
	for range 2 {
		if got := name(0); got != "first.example.com" {
			t.Errorf("half replaced: %s", got)
		}
	}
	if n := logs.Len(); n != 1 {
		t.Errorf("a certificate that does not fit is said %d times, want once", n)
	}
	write(keyFile, secondKey, 1)
	if got := name(0); got != "second.example.com" {
		t.Errorf("replaced: %s", got)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if got := name(tls.VersionTLS12); got != "second.example.com" {
		t.Errorf("with TLS 1.2, and a file that is gone: %s", got)
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11} //nolint:gosec // that it is refused
	if _, err := tls.Dial("tcp", plain.Addr().String(), old); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// selfSigned makes a certificate for a name, and its key.
func selfSigned(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{name},
		NotBefore:    instant,
		NotAfter:     instant.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
