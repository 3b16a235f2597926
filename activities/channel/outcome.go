package channel

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxReason is the longest reason in characters.
const maxReason = 200

// addressLike finds what looks like a mail address, a phone number or a long token in a provider's answer.
var addressLike = regexp.MustCompile(`<?[^\s<>@"']+@[^\s<>@"',;:]+>?|\+\d[\d\s().-]{6,}\d|\d{8,}|[A-Za-z0-9_:-]{60,}`)

// clean makes a provider's words fit for people and logs: one line, no addresses, not too long. Address is what the
// message was for, and is taken out however it looks.
func clean(words, address string) string {
	if address != "" {
		words = strings.ReplaceAll(words, address, "…")
	}
	words = strings.Join(strings.Fields(addressLike.ReplaceAllString(oneLine(strings.ToValidUTF8(words, "")), "…")), " ")
	if runes := []rune(words); len(runes) > maxReason {
		words = string(runes[:maxReason]) + "…"
	}
	return words
}

// trouble says in words why a connection failed, without the address it was to, which may be a customer's.
func trouble(err error) string {
	var (
		dns    *net.DNSError
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
		nerr   net.Error
	)
	switch {
	case errors.Is(err, errPrivate):
		return errPrivate.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the host name is not known"
	case errors.As(err, &dns):
		return "the host name could not be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &verify):
		return "the server's certificate is not trusted"
	case errors.As(err, &record), errors.As(err, &alert):
		return "the TLS handshake failed"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &nerr) && nerr.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return "the connection was lost"
	default:
		return "the connection failed"
	}
}

// retryAfter reads a Retry-After header, seconds or an HTTP date, against now. What is unreadable or past is 0; more
// than a day is a day.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	var wait time.Duration
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		if seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		wait = time.Duration(seconds) * time.Second
	} else {
		for _, layout := range []string{time.RFC1123, time.RFC850, time.ANSIC} {
			if at, err := time.Parse(layout, header); err == nil {
				wait = at.Sub(now)
				break
			}
		}
	}
	return min(max(wait, 0), maxRetryAfter)
}

const maxRetryAfter = 24 * time.Hour

// digest is a short name for a key: 32 hex digits, the same each time.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// headerKey is the key as it can stand in a header and in a Standard Webhooks id, which is ASCII without full stops:
// other bytes than letters, digits and / _ - : ~ are percent-encoded.
func headerKey(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/_-:~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
