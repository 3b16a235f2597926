package mailapi

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signs by it unless the topic has SignatureVersion 2
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
)

// Types of what SNS sends.
const (
	snsNotification = "Notification"
	snsSubscribe    = "SubscriptionConfirmation"
)

// snsMessage is a request of SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type snsMessage struct {
	Type, Message, Timestamp, Token string
	MessageID                       string  `json:"MessageId"`
	TopicARN                        string  `json:"TopicArn"`
	Subject                         *string // signed where it is there
	SignatureVersion, Signature     string
	SigningCertURL, SubscribeURL    string
}

// signed returns the text that SNS signs.
func (m snsMessage) signed() string {
	fields := []string{"Message", m.Message, "MessageId", m.MessageID}
	if m.Type == snsNotification {
		if m.Subject != nil {
			fields = append(fields, "Subject", *m.Subject)
		}
		fields = append(fields, "Timestamp", m.Timestamp)
	} else {
		fields = append(fields, "SubscribeURL", m.SubscribeURL, "Timestamp", m.Timestamp, "Token", m.Token)
	}
	fields = append(fields, "TopicArn", m.TopicARN, "Type", m.Type)
	return strings.Join(fields, "\n") + "\n"
}

// snsTopic checks what one topic sends.
type snsTopic struct {
	arn string
	env provider.Env

	mu           sync.Mutex
	certificates map[string]certificate // by the address
}

type certificate struct {
	key   *rsa.PublicKey
	until time.Time
}

// snsWindow is how old a message may be. SNS repeats one for hours with the signature of the first try; a repeat counts once.
const snsWindow = 24 * time.Hour

// verify reads a request, and returns channel.ErrSignature unless SNS signed it for the topic.
func (s *snsTopic) verify(ctx context.Context, body []byte) (m snsMessage, err error) {
	if err := provider.Decode(body, &m); err != nil {
		return m, err
	}
	if m.Signature == "" {
		return m, channel.ErrSignature
	}
	if m.TopicARN != s.arn {
		return m, fmt.Errorf("%w: it is of another topic than %s names", channel.ErrSignature, sesTopic)
	}
	if err := provider.Within(provider.When(m.Timestamp), s.env.Now(), snsWindow); err != nil {
		return m, err
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return m, channel.ErrSignature
	}
	key, err := s.key(ctx, m.SigningCertURL)
	if err != nil {
		return m, err
	}
	text := []byte(m.signed())
	switch m.SignatureVersion {
	case "1":
		sum := sha1.Sum(text) //nolint:gosec // see above
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256(text)
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		err = channel.ErrSignature
	}
	if err != nil {
		return m, channel.ErrSignature
	}
	return m, nil
}

// snsHost matches the hosts of SNS. Nothing of another host is fetched, since strangers can send any address.
var snsHost = regexp.MustCompile(`^sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`)

// amazon returns an address if it is one of SNS, by https.
func amazon(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || !snsHost.MatchString(u.Host) || u.User != nil {
		return nil, fmt.Errorf("%w: it names an address that is not Amazon's", channel.ErrSignature)
	}
	return u, nil
}

// Bounds of what is fetched and kept.
const (
	maxFetch        = 64 << 10 // bytes
	maxCertificates = 16
)

// key returns the public key of the certificate at an address.
func (s *snsTopic) key(ctx context.Context, address string) (*rsa.PublicKey, error) {
	u, err := amazon(address)
	if err != nil || !strings.HasSuffix(u.Path, ".pem") || u.RawQuery != "" { // a query could ask Amazon for words of a stranger
		return nil, fmt.Errorf("%w: it names no certificate of Amazon's", channel.ErrSignature)
	}
	now := s.env.Now()
	s.mu.Lock()
	known, ok := s.certificates[u.String()]
	s.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.key, nil
	}
	raw, err := s.get(ctx, u)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%w: the certificate of SNS is none", channel.ErrUnavailable)
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: the certificate of SNS cannot be read", channel.ErrUnavailable)
	}
	key, isRSA := parsed.PublicKey.(*rsa.PublicKey)
	if !isRSA || now.Before(parsed.NotBefore) || now.After(parsed.NotAfter) {
		return nil, fmt.Errorf("%w: the certificate of SNS is not valid now", channel.ErrSignature)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.certificates) >= maxCertificates {
		clear(s.certificates)
	}
	s.certificates[u.String()] = certificate{key: key, until: parsed.NotAfter}
	return key, nil
}

// confirm answers that the topic may report here.
func (s *snsTopic) confirm(ctx context.Context, m snsMessage) error {
	u, err := amazon(m.SubscribeURL)
	if err != nil {
		return err
	}
	_, err = s.get(ctx, u)
	return err
}

// get fetches an address of Amazon's.
func (s *snsTopic) get(ctx context.Context, u *url.URL) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: an address of SNS cannot be called", channel.ErrUnavailable)
	}
	resp, err := s.env.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: SNS is not reached", channel.ErrUnavailable)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxFetch))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: SNS answers %d", channel.ErrUnavailable, resp.StatusCode)
	}
	return raw, nil
}
