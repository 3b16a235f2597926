package mailproviders

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signs by it
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Resend returns the headers by which Svix signs a request: https://docs.svix.com/receiving/verifying-payloads/how-manual. before is a
// signature by a former secret, or empty.
func Resend(secret, id string, body []byte, at time.Time, before string) http.Header {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(id + "." + stamp + "." + string(body)))
	signature := strings.TrimSpace(before + " v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return http.Header{"Svix-Id": {id}, "Svix-Timestamp": {stamp}, "Svix-Signature": {signature}}
}

// SendGrid signs as the signed event webhook does.
type SendGrid struct{ key *ecdsa.PrivateKey }

// NewSendGrid returns one with a key of its own.
func NewSendGrid() SendGrid {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return SendGrid{key}
}

// VerificationKey returns what SendGrid shows for it.
func (s SendGrid) VerificationKey() string {
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// Headers returns the headers of a request.
func (s SendGrid) Headers(body []byte, at time.Time) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256([]byte(stamp + string(body)))
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		panic(err)
	}
	return http.Header{
		"X-Twilio-Email-Event-Webhook-Timestamp": {stamp},
		"X-Twilio-Email-Event-Webhook-Signature": {base64.StdEncoding.EncodeToString(signature)},
	}
}

// Mailgun returns the body of a request about an event, with the signature in it. An event that is no JSON is returned as it is.
func Mailgun(key string, event []byte, token string, at time.Time) []byte {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(stamp + token))
	body, err := json.Marshal(map[string]any{
		"signature":  map[string]string{"timestamp": stamp, "token": token, "signature": hex.EncodeToString(mac.Sum(nil))},
		"event-data": json.RawMessage(event),
	})
	if err != nil {
		return event
	}
	return body
}

// SNS signs as a topic of Amazon SNS does. It is the transport of a client too, which reaches Amazon's hosts only.
type SNS struct {
	Topic, Version string // Version is that of the signature, 1 or 2

	key         *rsa.PrivateKey
	certificate []byte

	mu        sync.Mutex
	away      bool
	confirmed []string
}

// NewSNS returns a topic.
func NewSNS(topic, version string) *SNS {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &SNS{
		Topic: topic, Version: version, key: key, certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}
}

// Addresses of a topic.
const (
	SNSCertificate = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
	SNSSubscribe   = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
)

// Away sets whether Amazon is not reached.
func (s *SNS) Away(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Confirmed returns the addresses of subscriptions that were confirmed.
func (s *SNS) Confirmed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.confirmed...)
}

// RoundTrip implements http.RoundTripper.
func (s *SNS) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := []byte("<ConfirmSubscriptionResponse/>")
	switch address := r.URL.String(); {
	case s.away:
		return nil, io.ErrUnexpectedEOF
	case address == SNSCertificate:
		body = s.certificate
	case strings.HasPrefix(address, "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"):
		s.confirmed = append(s.confirmed, address)
	default:
		panic("mailproviders: SNS is asked for " + address)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// Body returns the body of a request of a type with a message, after change has altered the fields that are signed.
func (s *SNS) Body(kind, message string, at time.Time, change func(fields map[string]string)) []byte {
	in := map[string]string{
		"Type": kind, "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": s.Topic, "Message": message,
		"Timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": s.Version, "SigningCertURL": SNSCertificate,
	}
	order := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if kind != "Notification" {
		in["SubscribeURL"], in["Token"] = SNSSubscribe, "t"
		order = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	} else {
		in["Subject"] = "Amazon SES Email Event Notification"
		in["UnsubscribeURL"] = "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe"
	}
	if change != nil {
		change(in)
	}
	var text strings.Builder
	for _, name := range order {
		text.WriteString(name + "\n" + in[name] + "\n")
	}
	hash, sum := crypto.SHA1, sha1.Sum([]byte(text.String())) //nolint:gosec // see above
	digest := sum[:]
	if s.Version == "2" {
		long := sha256.Sum256([]byte(text.String()))
		hash, digest = crypto.SHA256, long[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, hash, digest)
	if err != nil {
		panic(err)
	}
	in["Signature"] = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	return body
}
