package mailapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// Amazon SES, API v2: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html, with the mail as it is. It drops no
// repeats. Its reports come by SNS: see ses_reports.go.

// Amazon's own variables. Without them the default chain of the AWS SDK is asked: profiles, and the role of the machine or container.
const (
	awsKeyID   = "AWS_ACCESS_KEY_ID"
	awsSecret  = "AWS_SECRET_ACCESS_KEY"
	awsSession = "AWS_SESSION_TOKEN"
	sesTopic   = "TABI_SES_TOPIC"
)

var ses = api{
	Provider: provider.Provider{
		Name: "ses", Channel: email, Receiver: sesReceiver,
		Settings: []provider.Setting{
			{Name: awsKeyID, Use: provider.Sends, Optional: true,
				Doc: "access key of AWS, for ses://REGION in email-url; empty: the default chain of the AWS SDK"},
			{Name: awsSecret, Use: provider.Sends, Optional: true, Doc: "secret of aws-access-key-id"},
			{Name: awsSession, Use: provider.Sends, Optional: true, Doc: "session token of aws-access-key-id, where it is temporary"},
			{Name: sesTopic, Use: provider.Reports, Open: true, Doc: "ARN of the SNS topic that SES reports to: arn:aws:sns:…"},
		},
	},
	open: openSES,
}

var region = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)

func openSES(u *url.URL, q url.Values, keys provider.Keys) (API, error) {
	if !region.MatchString(u.Host) {
		return nil, errors.New("must name the region: ses://eu-west-1")
	}
	host := "https://email." + u.Host + ".amazonaws.com"
	if strings.HasPrefix(u.Host, "cn-") {
		host += ".cn"
	}
	a := &sesAPI{region: u.Host, set: q.Get("configuration-set"), sign: v4.NewSigner()}
	q.Del("configuration-set")
	switch id, secret := keys[awsKeyID], keys[awsSecret]; {
	case id != "" && secret != "":
		a.keys = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: keys[awsSession]}, nil
		})
	case id != "":
		return nil, errors.New("needs " + awsSecret + " beside " + awsKeyID)
	case secret != "":
		return nil, errors.New("needs " + awsKeyID + " beside " + awsSecret)
	}
	var err error
	a.at, err = base(q, host)
	return a, err
}

type sesAPI struct {
	at, region, set string
	sign            *v4.Signer

	mu   sync.Mutex
	keys aws.CredentialsProvider // nil: the default chain was not asked yet
}

func (a *sesAPI) Base() string  { return a.at }
func (a *sesAPI) Dedupes() bool { return false }

// credentials returns those of now: temporary ones change while the process runs.
func (a *sesAPI) credentials(ctx context.Context) (aws.Credentials, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keys == nil {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(a.region))
		if err != nil {
			return aws.Credentials{}, err
		}
		a.keys = cfg.Credentials // caches
	}
	return a.keys.Retrieve(ctx)
}

func (a *sesAPI) Request(ctx context.Context, m Mail) (Request, error) {
	body := map[string]any{
		"Destination": map[string]any{"ToAddresses": []string{m.To}},
		"Content":     map[string]any{"Raw": map[string]any{"Data": m.Raw}}, // base64 in JSON
	}
	if a.set != "" {
		body["ConfigurationSetName"] = a.set
	}
	r, err := post(a.at+"/v2/email/outbound-emails", body)
	if err != nil {
		return r, err
	}
	keys, err := a.credentials(ctx)
	if err != nil {
		return r, ErrCredentials
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, nil)
	if err != nil {
		return r, errors.New("the call cannot be made")
	}
	call.Header, call.ContentLength = r.Header, int64(len(r.Body))
	sum := sha256.Sum256(r.Body)
	if err := a.sign.SignHTTP(ctx, keys, call, hex.EncodeToString(sum[:]), "ses", a.region, clock.Wall()); err != nil {
		return r, errors.New("the call cannot be signed")
	}
	return r, nil
}

// sesSettings are the errors that are about the account, the sender or the configuration set.
var sesSettings = map[string]bool{
	"MailFromDomainNotVerifiedException": true, "AccountSuspendedException": true, "NotFoundException": true,
	"InvalidSignatureException": true, "UnrecognizedClientException": true, "ExpiredTokenException": true, "AccessDeniedException": true,
	"InvalidClientTokenId": true, "SignatureDoesNotMatch": true,
}

func (a *sesAPI) Receipt(got Answer) channel.Receipt {
	var said struct {
		MessageID string `json:"MessageId"`
		Message   string `json:"message"`
		Type      string `json:"__type"`
	}
	got.json(&said)
	if got.Status/100 == 2 {
		return channel.Receipt{Outcome: channel.Sent, ProviderID: said.MessageID}
	}
	kind, _, _ := strings.Cut(got.Header.Get("X-Amzn-Errortype"), ":")
	if kind == "" {
		kind = said.Type[strings.LastIndexByte(said.Type, '#')+1:]
	}
	reason := got.says("Amazon SES", kind, said.Message)
	settings := awsKeyID + ", the sender or the region in " + setting
	switch {
	case sesSettings[kind], strings.Contains(said.Message, "not verified"):
		return got.wrong(reason, settings)
	case kind == "SendingPausedException", kind == "LimitExceededException", kind == "TooManyRequestsException",
		strings.Contains(said.Message, "Maximum sending rate"):
		return got.busy(reason)
	case strings.Contains(said.Message, "Daily message quota exceeded"):
		r := got.busy(reason)
		r.RetryAfter = max(r.RetryAfter, 15*time.Minute)
		return r
	case kind == "BadRequestException" && aboutTo.MatchString(said.Message), strings.Contains(said.Message, "Illegal address"):
		return gone(reason)
	}
	return got.receipt(reason, settings)
}
