// Package slack tells the staff, in Slack, which customers wait for them: one message for each hand-off, in the channel of its queue,
// with a link to the inbox. The message is written over when an agent takes the hand-off, and when it is over. It says nothing of the
// customer, unless the summary is switched on.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/handoff"
)

// Settings of Slack.
const (
	Token    = "TABI_SLACK_TOKEN"
	Channels = "TABI_SLACK_CHANNELS"
	Summary  = "TABI_SLACK_SUMMARY"
	URL      = "TABI_SLACK_URL"
)

// Settings returns the settings, as those of a provider are declared.
func Settings() []provider.Setting {
	return []provider.Setting{
		{Name: Token, Use: provider.Sends,
			Doc: "bot token of Slack (xoxb-…), for messages to the staff about hand-offs; empty: none are sent"},
		{Name: Channels, Use: provider.Sends, Open: true,
			Doc: "channels of Slack by queue, as in support=C0123456,sales=C0456789,*=C0789012; * is for all other queues"},
		{Name: Summary, Use: provider.Sends, Open: true, Optional: true,
			Doc: "true: the messages in Slack have the hand-off's summary, which says what the journey knows of the customer"},
		{Name: URL, Use: provider.Sends, Open: true, Optional: true, Doc: "URL of Slack's Web API; empty: Slack's"},
	}
}

// Handoffs are the hand-offs, and what Slack says of them.
type Handoffs interface {
	Unnoticed(ctx context.Context, since time.Time, limit int) ([]handoff.Notice, error)
	Noticed(ctx context.Context, id, before, state, ref string) (bool, error)
}

// Notifier tells the staff of hand-offs.
type Notifier struct {
	api      api
	handoffs Handoffs
	channels map[string]string // by queue; * is for the others
	summary  bool
	inbox    string // the address of the inbox
	log      *zap.Logger

	mu    sync.Mutex
	until time.Time       // nothing is asked of Slack before; wall time
	said  map[string]bool // problems that were logged
}

// New returns what tells the staff; nil: Slack is not configured. publicURL is the gateway's. Its errors name the setting.
func New(keys provider.Keys, handoffs Handoffs, publicURL string, log *zap.Logger) (*Notifier, error) {
	switch {
	case keys[Token] == "" && keys[Channels] == "":
		return nil, nil
	case keys[Token] == "":
		return nil, provider.Wrong(Token, "must be set with %s: the bot token of Slack", Channels)
	case keys[Channels] == "":
		return nil, provider.Wrong(Channels, "must be set with %s: which channel a queue has, as in support=C0123456", Token)
	}
	base := keys[URL]
	if base == "" {
		base = DefaultURL
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, provider.Wrong(URL, "must be an http or https address")
	}
	n := &Notifier{
		api:      api{client: &http.Client{Timeout: 10 * time.Second}, url: strings.TrimSuffix(base, "/"), token: keys[Token]},
		handoffs: handoffs, channels: map[string]string{}, inbox: strings.TrimSuffix(publicURL, "/") + "/inbox/", log: log,
		said: map[string]bool{},
	}
	switch keys[Summary] {
	case "", "false":
	case "true":
		n.summary = true
	default:
		return nil, provider.Wrong(Summary, "is true or false")
	}
	for _, one := range strings.Split(keys[Channels], ",") {
		queue, channel, ok := strings.Cut(strings.TrimSpace(one), "=")
		if queue, channel = strings.TrimSpace(queue), strings.TrimSpace(channel); !ok || queue == "" || channel == "" {
			return nil, provider.Wrong(Channels, "is a list such as support=C0123456,*=C0789012")
		}
		n.channels[queue] = channel
	}
	return n, nil
}

const (
	// page is how many hand-offs are told of before the job looks again. Slack takes about one message a second in a channel.
	page = 10
	// fresh is how old a hand-off may be of which nothing was said yet (virtual time), so that Slack is not flooded when it is set up.
	fresh = 24 * time.Hour
	// rest is how long nothing is asked of Slack after a failure that does not say how long (wall time).
	rest = 30 * time.Second
)

// Notify tells of the next hand-offs. What is told is marked before, so that several processes do not tell it twice, and is marked back if
// Slack does not take it now.
func (n *Notifier) Notify(ctx context.Context, now time.Time) (more bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if clock.Wall().Before(n.until) {
		return false, nil
	}
	list, err := n.handoffs.Unnoticed(ctx, now.Add(-fresh), page)
	if err != nil {
		return false, err
	}
	for i := range list {
		if err := n.tell(ctx, &list[i]); err != nil {
			n.until = clock.Wall().Add(rest)
			if refused := new(Refusal); errors.As(err, &refused) && refused.After > 0 {
				n.until = clock.Wall().Add(refused.After)
			}
			return false, err
		}
	}
	return len(list) == page, nil
}

func (n *Notifier) tell(ctx context.Context, h *handoff.Notice) error {
	channel, ts, _ := strings.Cut(h.Ref, ":")
	if h.Ref == "" {
		if channel = n.channels[h.Queue]; channel == "" {
			channel = n.channels["*"]
		}
	}
	if channel == "" {
		n.once("no channel of Slack is set for a queue, so nothing is said of its hand-offs", zap.String("queue", h.Queue))
		_, err := n.handoffs.Noticed(ctx, h.ID, h.Told, h.State, h.Ref)
		return err
	}
	mine, err := n.handoffs.Noticed(ctx, h.ID, h.Told, h.State, h.Ref)
	if err != nil || !mine {
		return err
	}
	stamp, err := n.api.post(ctx, channel, ts, n.text(h))
	refused := new(Refusal)
	switch {
	case errors.As(err, &refused) && refused.Final:
		n.once("Slack takes no message about hand-offs", zap.String("queue", h.Queue), zap.String("channel", channel),
			zap.String("error", refused.Code))
		return nil
	case err != nil:
		_, back := n.handoffs.Noticed(context.WithoutCancel(ctx), h.ID, h.State, h.Told, h.Ref)
		return errors.Join(err, back)
	case ts == "" && stamp != "":
		_, err = n.handoffs.Noticed(context.WithoutCancel(ctx), h.ID, h.State, h.State, channel+":"+stamp)
	}
	return err
}

// once logs a problem of a queue or channel once, and not for each hand-off.
func (n *Notifier) once(text string, about ...zap.Field) {
	key := text
	for _, f := range about {
		key += "\x00" + f.String
	}
	if !n.said[key] {
		n.said[key] = true
		n.log.Warn(text, about...)
	}
}

// maxSummary is the longest summary, in characters.
const maxSummary = 1500

// text returns the message about a hand-off as it is now.
func (n *Notifier) text(h *handoff.Notice) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s*", escape(h.Queue))
	if h.Priority != "" && h.Priority != "normal" {
		fmt.Fprintf(&b, " · %s", escape(h.Priority))
	}
	switch h.State {
	case handoff.HandoffOpen:
		what := "a customer waits"
		if had := h.Had(); had != "" {
			what = "a customer waits again, after " + escape(had)
		}
		fmt.Fprintf(&b, " · %s, since %s UTC", what, h.OpenedAt.UTC().Format("15:04"))
	case handoff.HandoffClaimed:
		fmt.Fprintf(&b, " · %s has it", escape(h.Agent))
	case handoff.HandoffResolved:
		b.WriteString(" · resolved")
		if slices.Contains(h.Outcomes, h.Outcome) { // another one is in an agent's own words
			fmt.Fprintf(&b, " as %s", escape(h.Outcome))
		}
		if h.Agent != "" {
			fmt.Fprintf(&b, " by %s", escape(h.Agent))
		}
	default:
		b.WriteString(" · over: the journey went on without an agent")
	}
	fmt.Fprintf(&b, " · journey %s", escape(h.Journey))
	if h.State == handoff.HandoffOpen || h.State == handoff.HandoffClaimed {
		fmt.Fprintf(&b, " · <%s|open in the inbox>", n.inbox+url.PathEscape(h.ID))
	}
	if note := strings.TrimSpace(h.Note); n.summary && note != "" {
		if r := []rune(note); len(r) > maxSummary {
			note = string(r[:maxSummary]) + "…"
		}
		b.WriteString("\n>" + strings.ReplaceAll(escape(note), "\n", "\n>"))
	}
	return b.String()
}

// escape keeps a text from being read as a link or a mention.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
