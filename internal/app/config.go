package app

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/activities/call"
	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/httpclassifier"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
	"github.com/tabi-journeys/tabi/internal/retention"
)

// Config holds all settings, from flags and the environment; the flag takes precedence. Register selects the settings
// that a command knows.
type Config struct {
	Build Build // what the program is built with; not a setting

	Database string // postgres:// URL, or SQLite file; empty: tabi.db in DataDir. See CheckDatabase
	DataDir  string
	Secret   Secret // seals sessions and tokens: a list, see SealSecrets
	// LinkSecretList seals the links in mails; empty: as Secret.
	LinkSecretList Secret

	DBConnections int // connections to PostgreSQL of this process

	NoMigrate    bool // do not change the database's schema
	ChangeSecret bool // accept a TABI_SECRET without the one of before
	// ChangeLinkSecrets accepts link secrets without the one of before.
	ChangeLinkSecrets bool
	Drain             time.Duration // how long the gateway serves, unready, after it was asked to stop

	given  []string          // variables of the secrets that have a value
	files  map[string]string // files of the settings that came from one, by variable
	sends  bool              // the command sends messages
	serves bool              // the command serves HTTP

	MasterKeys  Secret // see keyring.ParseMasters
	Pseudonyms  string // on or off
	ClearQueues string // see codec.New

	LogLevel  string
	LogFormat string

	ConnectTimeout time.Duration // how long the start waits for database and Temporal
	TemporalAddr   string        // overrides TEMPORAL_ADDRESS
	TemporalNS     string        // overrides TEMPORAL_NAMESPACE

	Listen          string
	TLSCert, TLSKey string // files
	PublicURL       string
	TrackURL        string   // before tracked links; empty: PublicURL
	UTM             string   // utm_source of tracked links; off: none
	UTMDomains      []string // whose links get UTM parameters; none: all
	WriteKeys       Secret   // see ParseWriteKeys
	Tokens          Secret   // see ParseTokens
	Insecure        bool
	TemporalUI      string        // see gateway.Config
	MaxPending      int           // see gateway.Config
	Proxies         string        // see parseProxies
	Origins         []string      // sites whose pages may read answers
	Testers         []string      // who may get tests of messages; see adminapi.Tests
	WebKeyRate      int           // calls a second; 0: no limit
	WebPeerRate     int           // calls a second; 0: no limit
	Bounds          limits.Limits // of one customer, event and request; see engine.Options

	SignIn SignIn

	// BounceMailbox is where mails are returned to; empty: none is read. See mailbox.Parse.
	BounceMailbox string

	Channels  channels.Config
	CallAllow string // see call.ParseAllow
	// TemporalTrusted lets events that come over Temporal change addresses and permissions; see activities.Config.
	TemporalTrusted bool
	Rates           string // see ratelimit.Parse

	Classifier httpclassifier.Options // asked before the built-in classifier; no URL: not asked
	// DevReceivers read the reports of the sinks of dev; nil elsewhere.
	DevReceivers map[string]webhook.Receiver
	provided     map[string]*Secret // settings of providers, by variable: see providerSettings
	secrets      struct{ dkim, mailbox, smtp, fcm, sms, webhook, classifier, classifierURL Secret }

	RelayWorkers    int
	HandoffReturn   time.Duration // wall time that a hand-off stays with an agent who gives no sign; 0: forever
	Retention       string        // how long each kind of data is kept; see retention.Parse
	WorkflowTasks   int
	Activities      int
	LocalActivities int
	StickyCache     int
	MetricsListen   string
	// MetricsTLSCert and MetricsTLSKey are files; none: the worker speaks no TLS.
	MetricsTLSCert, MetricsTLSKey string

	TimeScale  float64
	TimeOrigin string

	keys        *keyring.Room        // of the database; nil: this process has none
	codec       *codec.Codec         // of the client that DialTemporal made last; nil: it has no keys
	remote      *codec.Remote        // decrypts by a gateway, for a process without keys
	connections *cluster.Connections // of the client that DialTemporal made last
}

// Secret is text that is never printed.
type Secret string

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides the value.
func (s Secret) GoString() string { return s.String() }

// Set implements pflag.Value.
func (s *Secret) Set(v string) error { *s = Secret(v); return nil }

// Type implements pflag.Value; help shows it.
func (s *Secret) Type() string { return "secret" }

// Register adds the flags of the groups to fs, each with its variable in the help.
func (c *Config) Register(fs *pflag.FlagSet, groups Groups) {
	for _, s := range c.settings() {
		if s.group&groups != 0 {
			s.bind(fs, s.flag, s.doc+" ["+s.env+"]")
		}
	}
}

// Load sets the flags that were not given from the environment, and checks all values. Call it once the flags are parsed.
func (c *Config) Load(fs *pflag.FlagSet, lookup func(string) (string, bool)) error {
	if err := c.refuseSecretFlags(fs); err != nil {
		return err
	}
	for _, s := range c.settings() {
		f := fs.Lookup(s.flag)
		if f == nil || f.Changed || strings.HasPrefix(s.env, "TEMPORAL_") { // envconfig reads TEMPORAL_*
			continue
		}
		v, ok := lookup(s.env)
		if !ok || v == "" {
			continue
		}
		if err := f.Value.Set(v); err != nil {
			return Usage("%s is not a %s: %w", s.env, f.Value.Type(), hideIf(f.Value, err))
		}
		f.Changed = true
	}
	if err := c.loadFiles(fs); err != nil {
		return err
	}
	if fs.Lookup("database") != nil {
		if err := c.CheckDatabase(); err != nil {
			return err
		}
	}
	ch := &c.Channels
	ch.DKIMKey = string(c.secrets.dkim)
	ch.EmailURL, ch.FCMCredentials = string(c.secrets.smtp), string(c.secrets.fcm)
	ch.Keys, ch.PublicURL = c.providerKeys(), c.PublicURL
	ch.SMSSecret, ch.WebhookSecret = string(c.secrets.sms), string(c.secrets.webhook)
	c.Classifier.URL, c.Classifier.Token = string(c.secrets.classifierURL), string(c.secrets.classifier)
	if _, err := c.classifier(); err != nil {
		return err
	}
	switch {
	case fs.Lookup("log-format") != nil && c.LogFormat != "" && c.LogFormat != "console" && c.LogFormat != "json":
		return Usage("--log-format is %q: give console or json", c.LogFormat)
	case c.TimeScale < 0 || c.TimeScale > 1e6:
		return Usage("--time-scale is %v: give virtual seconds per second, at most 1000000", c.TimeScale)
	}
	if _, err := c.masters(); err != nil {
		return err
	}
	if err := c.checkPseudonyms(); err != nil {
		return err
	}
	if _, err := retention.Parse(c.Retention); err != nil {
		return Usage("--retention: %w", err)
	}
	if c.HandoffReturn < 0 {
		return Usage("--handoff-return is %s: give a duration such as 30m, or 0 to keep a hand-off with its agent", c.HandoffReturn)
	}
	if c.Drain < 0 || c.Drain > time.Hour {
		return Usage("--drain is %s: give a duration of at most an hour", c.Drain)
	}
	for flag, n := range map[string]int{"max-open-enrollments": c.Bounds.Open, "max-customer-backlog": c.Bounds.Backlog} {
		if fs.Lookup(flag) != nil && n < 1 {
			return Usage("--%s is %d: give at least 1", flag, n)
		}
	}
	if fs.Lookup("db-connections") != nil && c.DBConnections < 4 {
		return Usage("--db-connections is %d: give at least 4", c.DBConnections)
	}
	if c.MaxPending < 0 {
		return Usage("--max-backlog is %d: give a number of entries, or 0 for any", c.MaxPending)
	}
	if c.WebKeyRate < 0 || c.WebPeerRate < 0 {
		return Usage("--web-key-rate and --web-peer-rate are %d and %d: give calls a second, or 0 for any", c.WebKeyRate, c.WebPeerRate)
	}
	if _, err := parseProxies(c.Proxies); err != nil {
		return err
	}
	if err := c.checkTracking(); err != nil {
		return err
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return Usage("TLS needs both --tls-cert (TABI_TLS_CERT) and --tls-key (TABI_TLS_KEY)")
	}
	if (c.MetricsTLSCert == "") != (c.MetricsTLSKey == "") {
		return Usage("TLS of the worker needs both --metrics-tls-cert (TABI_METRICS_TLS_CERT) and --metrics-tls-key (TABI_METRICS_TLS_KEY)")
	}
	if _, err := c.callAllow(); err != nil {
		return err
	}
	if _, err := c.rates(); err != nil {
		return err
	}
	for flag, n := range map[string]int{"relay-workers": c.RelayWorkers, "workflow-tasks": c.WorkflowTasks, "activities": c.Activities,
		"local-activities": c.LocalActivities, "sticky-cache": c.StickyCache} {
		least := 1
		if flag == "workflow-tasks" {
			least = 2
		}
		if fs.Lookup(flag) != nil && n < least {
			return Usage("--%s is %d: give at least %d", flag, n, least)
		}
	}
	return nil
}

// callAllow parses the list of private hosts that calls may reach.
func (c *Config) callAllow() (call.Allow, error) {
	allow, err := call.ParseAllow(c.CallAllow)
	if err != nil {
		return allow, Usage("--call-allowlist (TABI_CALL_ALLOWLIST): %w", err)
	}
	return allow, nil
}

// rates parses the rate limits of providers.
func (c *Config) rates() (ratelimit.Rates, error) {
	known := []string{ratelimit.Call}
	for _, spec := range c.Build.Specs() {
		known = append(known, spec.Name)
	}
	rates, err := ratelimit.Parse(c.Rates, known)
	if err != nil {
		return nil, Usage("--rate-limits (TABI_RATE_LIMITS): %w", err)
	}
	return rates, nil
}

func hideIf(v pflag.Value, err error) error {
	if _, ok := v.(*Secret); ok {
		return errors.New("the value is not shown")
	}
	return err
}

// Postgres reports whether the database is PostgreSQL.
func (c *Config) Postgres() bool {
	return strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://")
}

// DatabaseURL returns the address of the database that the store opens.
func (c *Config) DatabaseURL() string {
	if c.Database == "" {
		return filepath.Join(c.DataDir, "tabi.db")
	}
	return strings.TrimPrefix(c.Database, sqliteScheme)
}

// Keys returns the write keys of the gateway.
func (c *Config) Keys() (map[string]auth.Key, error) { return ParseWriteKeys(string(c.WriteKeys)) }

// items returns the items of a list: separated by commas, or one per line, where # begins a comment. A text @FILE names a file.
func items(flag, text string) ([]string, error) {
	text, err := FromFile("--"+flag, text)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(text, "\n") {
		return strings.Split(text, ","), nil
	}
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out, nil
}
