package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Certificate is the certificate of a TLS listener, from two PEM files. It is read again when a file has changed, so a renewed
// certificate needs no restart. A handshake looks at both files, which costs two system calls.
//
// While the files are being replaced they may not fit, or be gone: then the last good pair stays in use, and the log says so.
type Certificate struct {
	certFile, keyFile string
	log               *zap.Logger

	mu    sync.Mutex
	stamp [2]fileStamp // of the files that were tried last, good or bad
	pair  *tls.Certificate
}

// fileStamp is by what a changed file is noticed.
type fileStamp struct {
	at   time.Time
	size int64
}

// LoadCertificate reads a certificate with its chain, and its key. It fails if they do not fit.
func LoadCertificate(certFile, keyFile string, log *zap.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.stamp = c.look()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	c.pair = &pair
	c.say("certificate loaded")
	return c, nil
}

// Listener returns a listener that speaks TLS 1.2 or later, with HTTP/2.
func (c *Certificate) Listener(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get,
	})
}

// get returns the certificate for a handshake.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.look()
	if now == c.stamp {
		return c.pair, nil
	}
	c.stamp = now
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Error("the changed certificate cannot be read; the one before stays in use", zap.Error(err))
		return c.pair, nil
	}
	c.pair = &pair
	c.say("certificate loaded again, since its files have changed")
	return c.pair, nil
}

// look returns the stamps of both files; zero for one that cannot be looked at.
func (c *Certificate) look() (out [2]fileStamp) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			out[i] = fileStamp{info.ModTime(), info.Size()}
		}
	}
	return out
}

// say logs which certificate is in use.
func (c *Certificate) say(text string) {
	leaf, err := x509.ParseCertificate(c.pair.Certificate[0])
	if err != nil {
		return // tls.LoadX509KeyPair has parsed it
	}
	c.log.Info(text, zap.Strings("names", leaf.DNSNames), zap.Time("until", leaf.NotAfter))
}
