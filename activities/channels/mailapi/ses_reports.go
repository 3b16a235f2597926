package mailapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// SES reports to an SNS topic, either by event publishing (a configuration set) or by the notifications of an identity; the two differ in
// the name of a field. https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html

var topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+$`)

func sesReceiver(env provider.Env) (webhook.Receiver, error) {
	topic := env.Keys[sesTopic]
	if !topicARN.MatchString(topic) {
		return nil, provider.Wrong(sesTopic, "is not the ARN of an SNS topic: arn:aws:sns:eu-west-1:123456789012:reports")
	}
	s := &snsTopic{arn: topic, env: env, certificates: map[string]certificate{}}
	return provider.Receive(func(r *http.Request, body []byte) (channel.Received, error) {
		m, err := s.verify(r.Context(), body)
		if err != nil {
			return channel.Received{}, err
		}
		switch m.Type {
		case snsNotification:
			return sesReports(m)
		case snsSubscribe:
			if err := s.confirm(r.Context(), m); err != nil {
				return channel.Received{}, err
			}
			return provider.Ignore("the subscription of the topic is confirmed"), nil
		}
		return provider.Ignore(provider.Unknown(m.Type)), nil
	}), nil
}

// sesEvent is what SES reports.
type sesEvent struct {
	EventType, NotificationType string
	Mail                        struct {
		MessageID   string `json:"messageId"`
		Destination []string
		Headers     []struct{ Name, Value string }
	}
	Bounce struct {
		BounceType, BounceSubType string
		BouncedRecipients         []struct{ EmailAddress, Status, DiagnosticCode string }
		Timestamp, FeedbackID     string
	}
	Complaint struct {
		ComplainedRecipients                         []struct{ EmailAddress string }
		ComplaintFeedbackType, Timestamp, FeedbackID string
	}
	Delivery struct {
		Timestamp  string
		Recipients []string
	}
	Open         struct{ Timestamp string }
	Click        struct{ Timestamp, Link string }
	Reject       struct{ Reason string }
	Failure      struct{ ErrorMessage string }
	Subscription struct {
		Timestamp           string
		NewTopicPreferences struct{ UnsubscribeAll bool }
	}
}

// sesReports reads a notification.
func sesReports(m snsMessage) (channel.Received, error) {
	if !strings.HasPrefix(strings.TrimSpace(m.Message), "{") {
		return provider.Ignore("a notice of SNS in words, as after the topic was set up"), nil
	}
	var e sesEvent
	if err := json.Unmarshal([]byte(m.Message), &e); err != nil {
		return channel.Received{}, provider.Decode([]byte(m.Message), &e)
	}
	kind := e.EventType
	if kind == "" {
		kind = e.NotificationType
	}
	r := channel.Report{Channel: email, Key: e.key(), ProviderID: e.Mail.MessageID}
	if len(e.Mail.Destination) == 1 {
		r.Address = e.Mail.Destination[0]
	}
	var reports []channel.Report
	switch kind {
	case "Delivery":
		r.Kind, r.At = channel.Delivered, provider.When(e.Delivery.Timestamp)
	case "Open":
		r.Kind, r.At = channel.Opened, provider.When(e.Open.Timestamp)
	case "Click":
		r.Kind, r.At, r.URL = channel.Clicked, provider.When(e.Click.Timestamp), e.Click.Link
	case "Bounce":
		r.ID, r.Kind, r.At = "ses/"+e.Bounce.FeedbackID, channel.Bounced, provider.When(e.Bounce.Timestamp)
		r.Class, r.Reason = provider.Class(e.Bounce.BounceType, ""), e.Bounce.BounceType+"/"+e.Bounce.BounceSubType
		for _, one := range e.Bounce.BouncedRecipients {
			of := r
			of.Address = one.EmailAddress
			if one.DiagnosticCode != "" {
				of.Reason += ": " + one.DiagnosticCode
			}
			reports = append(reports, of)
		}
	case "Complaint":
		if e.Complaint.ComplaintFeedbackType == "not-spam" {
			return provider.Ignore("a customer says that the mail is no spam"), nil
		}
		r.ID, r.Kind, r.At = "ses/"+e.Complaint.FeedbackID, channel.Complained, provider.When(e.Complaint.Timestamp)
		r.Reason = e.Complaint.ComplaintFeedbackType
		for _, one := range e.Complaint.ComplainedRecipients {
			of := r
			of.Address = one.EmailAddress
			reports = append(reports, of)
		}
	case "Reject":
		r.ID, r.Kind, r.At, r.Reason = "ses/"+m.MessageID, channel.Failed, m.at(), e.Reject.Reason
	case "Rendering Failure":
		r.ID, r.Kind, r.At, r.Reason = "ses/"+m.MessageID, channel.Failed, m.at(), e.Failure.ErrorMessage
	case "Subscription":
		if !e.Subscription.NewTopicPreferences.UnsubscribeAll {
			return provider.Ignore("a choice of topics of SES that is no opt-out of all"), nil
		}
		r.ID, r.Kind, r.At = "ses/"+m.MessageID, channel.Unsubscribed, provider.When(e.Subscription.Timestamp)
	case "DeliveryDelay":
		return provider.Ignore("a delay: SES tries again"), nil
	default:
		return provider.Ignore(provider.Unknown(kind)), nil
	}
	if reports == nil {
		reports = []channel.Report{r}
	}
	return channel.Received{Reports: reports}, nil
}

// key returns the ledger key in the headers of the mail, empty where SES left them out.
func (e *sesEvent) key() string {
	for _, h := range e.Mail.Headers {
		if strings.EqualFold(h.Name, keyHeader) {
			if key, err := url.PathUnescape(h.Value); err == nil {
				return key
			}
		}
	}
	return ""
}

// keyHeader is the header of mails with the ledger key; see channels.KeyHeader.
const keyHeader = "X-Tabi-Key"

func (m snsMessage) at() time.Time { return provider.When(m.Timestamp) }
