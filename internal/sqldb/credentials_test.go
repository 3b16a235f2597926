package sqldb

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// New connections take the credentials of now, while those that are open go on.
func TestCredentialsAreReadAgain(t *testing.T) {
	t.Parallel()
	first, ctx := pgtest.URL(t), t.Context()
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[string]
	now.Store(&first)
	db, err := Open(ctx, first, 2, nil, WithCurrent(func() string { return *now.Load() }))
	if err != nil {
		t.Fatal(err)
	}
	role := "next_" + u.Path[1:]
	if _, err := db.Writer.ExecContext(ctx, "create role "+role+" login password 'p'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = db.Writer.Exec("drop role " + role)
		_ = db.Close()
	})
	old, err := db.Writer.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	u.User = url.UserPassword(role, "p")
	next := u.String()
	now.Store(&next)
	fresh, err := db.Writer.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fresh.Close() }()
	var before, after string
	if err := old.QueryRowContext(ctx, "select current_user").Scan(&before); err != nil || before == role {
		t.Errorf("a connection that was open: %q %v", before, err)
	}
	if err := fresh.QueryRowContext(ctx, "select current_user").Scan(&after); err != nil || after != role {
		t.Errorf("a new connection: %q %v, want %q", after, err, role)
	}
	if err := credentials(&pgx.ConnConfig{}, "postgres://u:hush@%"); err == nil || bytes.Contains([]byte(err.Error()), []byte("hush")) {
		t.Errorf("a URL that cannot be read: %v", err)
	}
}

// A client certificate that is renewed in its files is used by the next connection.
func TestClientCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	issue := func(serial int64) []byte {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, public, private)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		for name, block := range map[string]*pem.Block{
			certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: key},
		} {
			if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return der
	}
	issue(1)
	address := "postgres://tabi@db.example.com/tabi?sslmode=require&sslcert=" + url.QueryEscape(certFile) + "&sslkey=" +
		url.QueryEscape(keyFile)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	renewed := issue(2)
	if err := credentials(config, address); err != nil {
		t.Fatal(err)
	}
	if got := config.TLSConfig.Certificates; len(got) != 1 || !bytes.Equal(got[0].Certificate[0], renewed) {
		t.Error("a new connection has the certificate of before")
	}
}
