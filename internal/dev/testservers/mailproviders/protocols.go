package mailproviders

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

type fields = map[string]any

func short(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

var speakers = map[string]speaker{
	"resend": {
		take: takeResend,
		sent: func(m Mail) answer { return answer{status: 200, body: fields{"id": m.ID}} },
		faults: map[Fault]answer{
			BadAddress: {status: 422, body: fields{
				"statusCode": 422, "name": "validation_error",
				"message": "Invalid `to` field. The email address needs to follow the `email@example.com` format.",
			}},
			BadKey: {status: 403, body: fields{"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"}},
			BadSender: {status: 403, body: fields{
				"statusCode": 403, "name": "validation_error", "message": "The example.com domain is not verified.",
			}},
		},
	},
	"sendgrid": {
		take: takeSendGrid,
		sent: func(m Mail) answer { return answer{status: 202, header: map[string]string{"X-Message-Id": m.ID}} },
		faults: map[Fault]answer{
			BadAddress: {status: 400, body: fields{"errors": []fields{{
				"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email", "help": nil,
			}}}},
			BadKey: {status: 401, body: fields{"errors": []fields{{
				"message": "The provided authorization grant is invalid, expired, or revoked", "field": nil, "help": nil,
			}}}},
			BadSender: {status: 403, body: fields{"errors": []fields{{
				"message": "The from address does not match a verified Sender Identity.", "field": "from", "help": nil,
			}}}},
			TooMany: {status: 429, body: fields{"errors": []fields{{"message": "too many requests", "field": nil}}}},
		},
	},
	"postmark": {
		take: takePostmark,
		sent: func(m Mail) answer {
			return answer{status: 200, body: fields{
				"To": m.To, "SubmittedAt": "2026-03-02T10:00:00Z", "MessageID": m.ID, "ErrorCode": 0, "Message": "OK",
			}}
		},
		faults: map[Fault]answer{
			BadAddress: {status: 422, body: fields{
				"ErrorCode": 406,
				"Message": "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: " +
					"ana@example.com. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a " +
					"manual suppression.",
			}},
			BadKey: {status: 401, body: fields{
				"ErrorCode": 10, "Message": "No Account or Server API tokens were supplied in the HTTP headers.",
			}},
			BadSender: {status: 422, body: fields{
				"ErrorCode": 400, "Message": "The 'From' address you supplied is not a Sender Signature on your account.",
			}},
		},
	},
	"mailgun": {
		take: takeMailgun,
		sent: func(m Mail) answer {
			return answer{status: 200, body: fields{"id": "<" + m.ID + ">", "message": "Queued. Thank you."}}
		},
		faults: map[Fault]answer{
			BadAddress: {status: 400, body: fields{"message": "to parameter is not a valid address. please check documentation"}},
			BadKey:     {status: 401, body: nil},
			BadSender:  {status: 403, body: fields{"message": "Domain mg.example.com is not allowed to send: unverified."}},
		},
	},
	"ses": {
		take: takeSES,
		sent: func(m Mail) answer { return answer{status: 200, body: fields{"MessageId": m.ID}} },
		faults: map[Fault]answer{
			BadAddress: {
				status: 400, header: map[string]string{"X-Amzn-Errortype": "BadRequestException"},
				body: fields{"message": "Invalid recipient: the local part of the address is malformed"},
			},
			TooMany: {
				status: 429, header: map[string]string{"X-Amzn-Errortype": "TooManyRequestsException"},
				body: fields{"message": "Maximum sending rate exceeded."},
			},
			BadKey: {
				status: 403, header: map[string]string{"X-Amzn-Errortype": "UnrecognizedClientException"},
				body: fields{"message": "The security token included in the request is invalid."},
			},
			BadSender: {
				status: 400, header: map[string]string{"X-Amzn-Errortype": "MessageRejected"},
				body: fields{"message": "Email address is not verified. The following identities failed the check in region EU-WEST-1: x"},
			},
		},
	},
}

func takeResend(_ *Server, r *http.Request, body []byte) (m Mail, bad *answer) {
	var in struct {
		From, Subject, HTML, Text string
		To                        []string
		ReplyTo                   string `json:"reply_to"`
		Headers                   map[string]string
		Tags                      []struct{ Name, Value string }
	}
	fail := func(status int, name, message string) (Mail, *answer) {
		return m, refuse(status, fields{"statusCode": status, "name": name, "message": message})
	}
	once := r.Header.Get("Idempotency-Key")
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/emails":
		return fail(404, "not_found", "The requested endpoint does not exist")
	case r.Header.Get("Authorization") != "Bearer "+Key:
		return fail(401, "missing_api_key", "Missing API key in the authorization header")
	case once == "" || len(once) > 256:
		return fail(400, "invalid_idempotency_key", "The key must be between 1-256 chars")
	case json.Unmarshal(body, &in) != nil || len(in.To) != 1 || in.From == "" || in.HTML == "" && in.Text == "":
		return fail(422, "missing_required_field", "The request body is missing one or more required fields")
	}
	key := ""
	for _, tag := range in.Tags {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`).MatchString(tag.Value) {
			return fail(422, "validation_error", "Tags should only contain ASCII letters, numbers, underscores, or dashes.")
		}
		if tag.Name == "tabi-key" {
			raw, _ := base64.RawURLEncoding.DecodeString(tag.Value)
			key = string(raw)
		}
	}
	return Mail{
		Key: key, ID: ID(key), From: in.From, To: in.To[0], ReplyTo: in.ReplyTo, Subject: in.Subject, HTML: in.HTML, Text: in.Text,
		Unsubscribe: in.Headers["List-Unsubscribe"], OneTime: in.Headers["List-Unsubscribe-Post"],
	}, nil
}

// reserved are headers that SendGrid refuses.
var reserved = []string{
	"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from", "subject", "reply-to",
	"cc", "bcc",
}

func takeSendGrid(_ *Server, r *http.Request, body []byte) (m Mail, bad *answer) {
	type address struct{ Email, Name string }
	var in struct {
		From             address
		ReplyTo          *address `json:"reply_to"`
		Subject          string
		Content          []struct{ Type, Value string }
		Headers          map[string]string
		Personalizations []struct {
			To         []address
			CustomArgs map[string]string `json:"custom_args"`
		}
	}
	fail := func(status int, message, field string) (Mail, *answer) {
		return m, refuse(status, fields{"errors": []fields{{"message": message, "field": field}}})
	}
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/v3/mail/send":
		return fail(404, "not found", "")
	case r.Header.Get("Authorization") != "Bearer "+Key:
		return fail(401, "authorization required", "")
	case json.Unmarshal(body, &in) != nil:
		return fail(400, "Bad Request", "")
	case len(in.Personalizations) != 1 || len(in.Personalizations[0].To) != 1:
		return fail(400, "The personalizations field is required", "personalizations")
	case len(in.Content) == 0:
		return fail(400, "Unless a valid template_id is provided, the content parameter is required.", "content")
	case len(in.Content) == 2 && (in.Content[0].Type != "text/plain" || in.Content[1].Type != "text/html"):
		return fail(400, "If present, text/plain and text/html may only be provided once, text/plain first.", "content")
	}
	for name := range in.Headers {
		if slices.Contains(reserved, strings.ToLower(name)) {
			return fail(400, "The headers parameter has a reserved header.", "headers")
		}
	}
	to := in.Personalizations[0]
	m = Mail{
		Key: to.CustomArgs["tabi-key"], From: (&mail.Address{Name: in.From.Name, Address: in.From.Email}).String(), To: to.To[0].Email,
		Subject: in.Subject, Unsubscribe: in.Headers["List-Unsubscribe"], OneTime: in.Headers["List-Unsubscribe-Post"],
	}
	if in.ReplyTo != nil {
		m.ReplyTo = (&mail.Address{Name: in.ReplyTo.Name, Address: in.ReplyTo.Email}).String()
	}
	for _, c := range in.Content {
		if c.Type == "text/html" {
			m.HTML = c.Value
		} else {
			m.Text = c.Value
		}
	}
	m.ID = ID(m.Key)
	return m, nil
}

func takePostmark(_ *Server, r *http.Request, body []byte) (m Mail, bad *answer) {
	var in struct {
		From, To, ReplyTo, Subject, HTMLBody, TextBody, MessageStream string
		Headers                                                       []struct{ Name, Value string }
		Metadata                                                      map[string]string
	}
	fail := func(status, code int, message string) (Mail, *answer) {
		return m, refuse(status, fields{"ErrorCode": code, "Message": message})
	}
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/email":
		return fail(404, 0, "not found")
	case r.Header.Get("X-Postmark-Server-Token") != Key:
		return fail(401, 10, "Bad or missing API token")
	case r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &in) != nil:
		return fail(422, 402, "Invalid JSON")
	case in.From == "" || in.To == "" || in.HTMLBody == "" && in.TextBody == "":
		return fail(422, 300, "Provide either email TextBody or HtmlBody or both.")
	}
	for _, value := range in.Metadata {
		if len(value) > 80 {
			return fail(422, 300, "Metadata values must be at most 80 characters.")
		}
	}
	m = Mail{
		Key: in.Metadata["tabi-key"], ID: ID(in.Metadata["tabi-key"]), From: in.From, To: in.To, ReplyTo: in.ReplyTo, Subject: in.Subject,
		HTML: in.HTMLBody, Text: in.TextBody,
	}
	for _, h := range in.Headers {
		switch h.Name {
		case "List-Unsubscribe":
			m.Unsubscribe = h.Value
		case "List-Unsubscribe-Post":
			m.OneTime = h.Value
		}
	}
	return m, nil
}

func takeMailgun(_ *Server, r *http.Request, body []byte) (m Mail, bad *answer) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	user, key, _ := r.BasicAuth()
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/v3/mg.example.com/messages.mime":
		return m, refuse(404, fields{"message": "Domain not found: " + r.URL.Path})
	case user != "api" || key != Key:
		return m, refuse(401, nil)
	case err != nil:
		return m, refuse(400, fields{"message": "'to' parameter is missing"})
	}
	form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20)
	if err != nil || len(form.Value["to"]) != 1 || len(form.File["message"]) != 1 {
		return m, refuse(400, fields{"message": "Need at least one of 'message' parameter"})
	}
	file, err := form.File["message"][0].Open()
	if err != nil {
		return m, refuse(400, fields{"message": "message cannot be read"})
	}
	raw, err := io.ReadAll(file)
	if err != nil {
		return m, refuse(400, fields{"message": "message cannot be read"})
	}
	if m, err = parse(raw); err != nil {
		return m, refuse(400, fields{"message": err.Error()})
	}
	m.Key, m.To = form.Value["v:tabi-key"][0], form.Value["to"][0]
	m.ID = strings.Trim(m.ID, "<>") // the mail's own
	return m, nil
}

func takeSES(_ *Server, r *http.Request, body []byte) (m Mail, bad *answer) {
	fail := func(status int, kind, message string) (Mail, *answer) {
		return m, &answer{status: status, header: map[string]string{"X-Amzn-Errortype": kind}, body: fields{"message": message}}
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v2/email/outbound-emails" {
		return fail(404, "NotFoundException", "no such operation")
	}
	if !signedByAWS(r, body) {
		return fail(403, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
	}
	var in struct {
		Destination struct{ ToAddresses []string }
		Content     struct{ Raw struct{ Data []byte } }
	}
	if json.Unmarshal(body, &in) != nil || len(in.Destination.ToAddresses) != 1 || len(in.Content.Raw.Data) == 0 {
		return fail(400, "BadRequestException", "the body is malformed")
	}
	m, err := parse(in.Content.Raw.Data)
	if err != nil {
		return fail(400, "BadRequestException", err.Error())
	}
	m.To, m.ID = in.Destination.ToAddresses[0], ID(m.Key)
	return m, nil
}

// parse reads a raw mail.
func parse(raw []byte) (Mail, error) {
	in, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(in.Header.Get("Subject"))
	if err != nil {
		return Mail{}, err
	}
	key, err := url.PathUnescape(in.Header.Get("X-Tabi-Key"))
	if err != nil {
		return Mail{}, err
	}
	body, err := io.ReadAll(in.Body)
	return Mail{
		Key: key, ID: in.Header.Get("Message-Id"), From: in.Header.Get("From"), To: in.Header.Get("To"),
		ReplyTo: in.Header.Get("Reply-To"), Subject: subject, HTML: string(body),
		Unsubscribe: in.Header.Get("List-Unsubscribe"), OneTime: in.Header.Get("List-Unsubscribe-Post"),
	}, err
}

var authorization = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/(\d{8})/eu-west-1/ses/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`,
)

// signedByAWS checks Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
func signedByAWS(r *http.Request, body []byte) bool {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	if m == nil || err != nil || clock.Wall().Sub(at).Abs() > skew || !strings.HasPrefix(stamp, m[1]) || !strings.Contains(m[2], "host") {
		return false
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(m[2], ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = r.Header.Get("Content-Length")
			if value == "" {
				value = lengthOf(r)
			}
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	payload := sha256.Sum256(body)
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), m[2], hex.EncodeToString(payload[:]),
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{
		"AWS4-HMAC-SHA256", stamp, m[1] + "/eu-west-1/ses/aws4_request", hex.EncodeToString(sum[:]),
	}, "\n")
	key := []byte("AWS4" + Key)
	for _, part := range []string{m[1], "eu-west-1", "ses", "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key) == m[3]
}

func lengthOf(r *http.Request) string { return strconv.FormatInt(r.ContentLength, 10) }
