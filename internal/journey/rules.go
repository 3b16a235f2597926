package journey

import (
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// Rules hold everything the decision engine decides by: how intents are inferred, the next best actions, and the
// contact policy.
type Rules struct {
	Intents map[string]*Intent  `json:"intents,omitempty"` // by name
	Groups  map[string][]string `json:"groups,omitempty"`  // group → its actions, in the order of the file
	Actions map[string]*Action  `json:"actions,omitempty"` // by name, unique in the project
	Policy  *Policy             `json:"policy,omitempty"`  // nil: no limits, quiet hours or consent rules
	Topics  map[string]*Topic   `json:"topics,omitempty"`  // by name; empty: topics are free, and customers choose none
}

// Topic is what customers can subscribe to, channel by channel (topics.yaml). A choice is the trait
// customer.topics.<topic>.<channel>.
type Topic struct {
	Names    map[string]string `json:"name,omitempty"`  // language (BCP 47) → its name for customers; empty: its own name
	About    map[string]string `json:"about,omitempty"` // language → a sentence for customers
	Channels []string          `json:"channels"`        // on which customers can choose; on others Default counts
	Default  bool              `json:"default"`         // what counts for customers who have not chosen
}

// Asked returns what is asked of customers about the topic of this name.
func (t *Topic) Asked(name string) consent.Topic {
	return consent.Topic{Name: name, Channels: t.Channels, Default: t.Default}
}

// AskedTopics returns what is asked of customers about each topic, by name.
func (r Rules) AskedTopics() []consent.Topic {
	out := make([]consent.Topic, 0, len(r.Topics))
	for _, name := range slices.Sorted(maps.Keys(r.Topics)) {
		out = append(out, r.Topics[name].Asked(name))
	}
	return out
}

// Intent defines how an intent is inferred (intents.yaml). Its strength is Σ weight · 2^(−age/HalfLife) over the
// customer's events, its score is 1 − e^(−max(0, strength)).
type Intent struct {
	Name     string        `json:"intent"`
	HalfLife time.Duration `json:"half_life"`
	Evidence []Evidence    `json:"evidence,omitempty"`
	Examples []string      `json:"examples,omitempty"` // sample messages that train the text classifier
}

// Evidence is an event that raises the strength of an intent, or lowers it if the weight is negative.
type Evidence struct {
	Events []string  `json:"events" key:"event"`
	When   expr.Expr `json:"when,omitempty"`
	Weight float64   `json:"weight"`
}

// TextWeight is the weight of a message as evidence for the intent it is classified as; it is multiplied by the
// confidence.
const TextWeight = 2

// MessageReceived is the event that records a message from the customer. Its property TextProperty holds the text.
const (
	MessageReceived = "Message Received"
	TextProperty    = "text"
)

// Action is a next best action (actions/<group>.yaml). Its priority is P × C × V × L.
type Action struct {
	Name       string          `json:"action"`
	Group      string          `json:"group"`
	Message    string          `json:"message,omitempty"` // empty: the action can be chosen but not sent
	Via        []string        `json:"via,omitempty"`     // empty: the message's channels
	Value      expr.Expr       `json:"value"`             // V = value − cost, not below 0; a missing value is 0
	Cost       expr.Expr       `json:"cost,omitempty"`    // default 0
	Lever      expr.Expr       `json:"lever,omitempty"`   // L, default 1
	Eligible   expr.Expr       `json:"eligible,omitempty"`
	Applicable expr.Expr       `json:"applicable,omitempty"`
	Suitable   expr.Expr       `json:"suitable,omitempty"`
	Context    []ContextWeight `json:"context,omitempty"`
	Propensity float64         `json:"propensity"` // starting belief, above 0 and below 1; default 0.5
	Accept     *Accept         `json:"accept,omitempty"`
}

// ContextWeight is a factor of C that applies where When is true.
type ContextWeight struct {
	When   expr.Expr `json:"when"`
	Weight float64   `json:"weight"`
}

// Accept is the event by which a customer accepts an offer.
type Accept struct {
	Events []string      `json:"events" key:"event"`
	When   expr.Expr     `json:"when,omitempty"`
	Within time.Duration `json:"within"` // from the offer; default DefaultAcceptWindow
}

// Defaults of an action.
const (
	DefaultPropensity   = 0.5
	DefaultAcceptWindow = 7 * 24 * time.Hour
)

// Policy is the contact policy (policy.yaml).
type Policy struct {
	Limits     []Limit              `json:"limits,omitempty"`
	QuietHours *QuietHours          `json:"quiet_hours,omitempty"`
	Consent    map[string]expr.Expr `json:"consent,omitempty"` // category (all, marketing, transactional) or channel → condition
	Suppress   []Suppression        `json:"suppress,omitempty"`
	Tone       []ToneRule           `json:"tone,omitempty"` // the first that is true; a step's tone beats it
	// ControlGroups maps a control test (of Controls) to its percentage of customers, together at most 100. For these
	// customers arbitration is deliberately made worse, to measure its effect.
	ControlGroups map[string]float64 `json:"control_groups,omitempty"`
}

// The permanent control tests of arbitration (like Pega's Impact Analyzer).
const (
	ControlRandom          = "random"           // a random one of those that the contact policy permits
	ControlPropensityOnly  = "propensity_only"  // by P alone
	ControlNoLevers        = "no_levers"        // by P × C × V
	ControlEligibilityOnly = "eligibility_only" // every eligible one, relevant or not, by P × C × V × L
)

// Controls lists the control tests.
var Controls = []string{ControlRandom, ControlPropensityOnly, ControlNoLevers, ControlEligibilityOnly}

// Limit bounds the contacts of one customer in a rolling window.
type Limit struct {
	Channel string        `json:"channel,omitempty"` // empty: all channels together
	Topic   string        `json:"topic,omitempty"`   // empty: all topics
	Max     int           `json:"max"`
	Per     time.Duration `json:"per"`
}

// What happens to a send in quiet hours.
const (
	Queue = "queue" // it waits until they end; then everything is decided again
	Drop  = "drop"
)

// QuietHours are the hours in which only transactional messages are sent: from From until To (exclusive), also across
// midnight.
type QuietHours struct {
	From            localtime.Time `json:"from"`
	To              localtime.Time `json:"to"`
	Timezone        string         `json:"timezone,omitempty"`         // IANA name; empty: each customer's own
	MissingTimezone string         `json:"missing_timezone,omitempty"` // for customers without one; empty: UTC
	OnBlocked       string         `json:"on_blocked"`                 // Queue (default) or Drop
}

// Suppression forbids marketing while When is true.
type Suppression struct {
	When     expr.Expr `json:"when"`
	Category string    `json:"category,omitempty"` // empty: all categories except transactional, which ignores suppression
	Channel  string    `json:"channel,omitempty"`  // empty: every channel
	Topic    string    `json:"topic,omitempty"`    // empty: all topics
	Reason   string    `json:"reason"`             // default SUPPRESSED
}

// ToneRule selects a tone while When is true.
type ToneRule struct {
	When expr.Expr `json:"when"`
	Use  string    `json:"use"`
}
