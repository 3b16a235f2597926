package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/activities/call"
	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/httpclassifier"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
)

// Config is all that can be set, by flag or by environment; the flag wins. Groups.Register says which of it a
// command knows.
type Config struct {
	Build Build // what the program is built with; no setting

	Database string // SQLite file, or postgres:// URL; empty: tabi.db in DataDir
	DataDir  string
	Secret   Secret // signs links, sessions and tokens

	LogLevel  string
	LogFormat string

	ConnectTimeout time.Duration // how long the start waits for database and Temporal
	TemporalAddr   string        // overrides TEMPORAL_ADDRESS
	TemporalNS     string        // overrides TEMPORAL_NAMESPACE

	Listen      string
	PublicURL   string
	WriteKeys   Secret // see ParseWriteKeys
	AgentTokens Secret // see ParseTokens
	AdminTokens Secret
	Insecure    bool
	TemporalUI  string // see gateway.Config
	MaxPending  int    // see gateway.Config

	Channels  channels.Config
	CallAllow string // see call.ParseAllow
	Rates     string // see limit.Parse

	Classifier httpclassifier.Options // asked before the built-in classifier; without a URL nothing is
	secrets    struct{ smtp, fcm, sms, webhook, classifier, classifierURL Secret }

	RelayWorkers    int
	KeepDays        int // virtual days that decisions are kept; 0: for ever
	WorkflowTasks   int
	Activities      int
	LocalActivities int
	StickyCache     int
	MetricsListen   string

	TimeScale  float64
	TimeOrigin string
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

// Set takes the value; with Type and String it makes a Secret a flag.
func (s *Secret) Set(v string) error { *s = Secret(v); return nil }

// Type is shown in help.
func (s *Secret) Type() string { return "secret" }

// Groups of settings that a command may know.
type Groups int

// The groups.
const (
	Storage Groups = 1 << iota // database, data folder, secret
	Logging
	Temporal // how to reach it
	HTTP     // the gateway's
	Channels // e-mail, push, sms, webhook, calls
	Work     // the worker's sizes
	Relay
	Time  // the virtual clock
	Words // what tells intent from words
)

// setting is a line of the one table of settings.
type setting struct {
	group Groups
	flag  string
	env   string
	doc   string
	bind  func(fs *pflag.FlagSet, name, usage string)
}

// settings is the table. Defaults stand in bind; --help prints all of it.
func (c *Config) settings() []setting {
	str := func(p *string, def string) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.StringVar(p, n, def, u) }
	}
	num := func(p *int, def int) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.IntVar(p, n, def, u) }
	}
	dur := func(p *time.Duration, def time.Duration) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.DurationVar(p, n, def, u) }
	}
	yes := func(p *bool) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.BoolVar(p, n, false, u) }
	}
	hid := func(p *Secret) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.Var(p, n, u) }
	}
	ch := &c.Channels
	return []setting{
		{Storage, "database", "TABI_DATABASE", "SQLite file or postgres:// URL; empty: tabi.db in the data folder", str(&c.Database, "")},
		{Storage, "data-dir", "TABI_DATA_DIR", "folder of the SQLite files and of the generated secret", str(&c.DataDir, ".tabi")},
		{
			Storage,
			"secret",
			"TABI_SECRET",
			"signs links and sessions, at least 16 bytes; generated once where the database is SQLite",
			hid(&c.Secret),
		},

		{Logging, "log-level", "TABI_LOG_LEVEL", "debug, info, warn or error", str(&c.LogLevel, "info")},
		{Logging, "log-format", "TABI_LOG_FORMAT", "console or json; empty: console on a terminal", str(&c.LogFormat, "")},

		{
			Temporal,
			"temporal-address",
			"TEMPORAL_ADDRESS",
			"host:port of Temporal; all TEMPORAL_* variables and profiles of its command line count too",
			str(&c.TemporalAddr, ""),
		},
		{Temporal, "temporal-namespace", "TEMPORAL_NAMESPACE", "namespace", str(&c.TemporalNS, "")},
		{
			Temporal | Storage,
			"connect-timeout",
			"TABI_CONNECT_TIMEOUT",
			"how long a start waits for database and Temporal",
			dur(&c.ConnectTimeout, time.Minute),
		},

		{HTTP, "listen", "TABI_LISTEN", "address of the gateway", str(&c.Listen, ":8080")},
		{
			HTTP | Channels,
			"public-url",
			"TABI_PUBLIC_URL",
			"how browsers and mail programs reach the gateway; empty: http:// and its address",
			str(&c.PublicURL, ""),
		},
		{
			HTTP,
			"write-keys",
			"TABI_WRITE_KEYS",
			"comma list of key=server and key=web:Event A|Event B, or @FILE with one a line",
			hid(&c.WriteKeys),
		},
		{HTTP, "agent-tokens", "TABI_AGENT_TOKENS", "comma list of [name=]token for the inbox and metrics, or @FILE", hid(&c.AgentTokens)},
		{HTTP, "admin-tokens", "TABI_ADMIN_TOKENS", "comma list of [name=]token for the admin API too, or @FILE", hid(&c.AdminTokens)},
		{
			HTTP,
			"temporal-ui",
			"TABI_TEMPORAL_UI",
			"the Temporal UI's list of workflows, for links in pages: https://host/namespaces/default/workflows; empty: no links",
			str(&c.TemporalUI, ""),
		},
		{
			HTTP,
			"max-backlog",
			"TABI_MAX_BACKLOG",
			"outbox entries that may wait before events are answered 429; 0: any number",
			num(&c.MaxPending, 100_000),
		},
		{HTTP, "insecure", "TABI_INSECURE", "start without write keys and tokens: what has none is open to everyone", yes(&c.Insecure)},

		{
			Channels,
			"smtp-url",
			"TABI_SMTP_URL",
			"mail server: smtp://user:password@host:port or smtps://…; ?tls=required or off",
			hid(&c.secrets.smtp),
		},
		{Channels, "mail-from", "TABI_MAIL_FROM", `sender: "Shop <shop@example.com>"`, str(&ch.MailFrom, "")},
		{
			Channels,
			"smtp-connections",
			"TABI_SMTP_CONNECTIONS",
			"connections to the mail server at once",
			num(&ch.SMTPConnections, channels.DefaultSMTPConnections),
		},
		{
			Channels,
			"fcm-credentials",
			"TABI_FCM_CREDENTIALS",
			"service account of Firebase Cloud Messaging: its JSON file, or the JSON",
			hid(&c.secrets.fcm),
		},
		{Channels, "fcm-project", "TABI_FCM_PROJECT", "Firebase project; empty: the credentials' own", str(&ch.FCMProject, "")},
		{Channels, "fcm-url", "TABI_FCM_URL", "where pushes are sent; empty: Google's", str(&ch.FCMURL, "")},
		{Channels, "sms-url", "TABI_SMS_URL", "provider of text messages, posted to", str(&ch.SMSURL, "")},
		{Channels, "sms-secret", "TABI_SMS_SECRET", "signs them: whsec_…", hid(&c.secrets.sms)},
		{
			Channels,
			"webhook-secret",
			"TABI_WEBHOOK_SECRET",
			"signs webhooks: whsec_…; several with spaces or commas",
			hid(&c.secrets.webhook),
		},
		{
			Channels,
			"webhook-allow-private",
			"TABI_WEBHOOK_ALLOW_PRIVATE",
			"let webhooks go to loopback and private addresses",
			yes(&ch.WebhookAllowPrivate),
		},
		{Channels, "send-timeout", "TABI_SEND_TIMEOUT", "longest attempt to send", dur(&ch.Timeout, channels.DefaultTimeout)},

		{
			Channels,
			"call-allowlist",
			"TABI_CALL_ALLOWLIST",
			"hosts, IP addresses and CIDR ranges that call steps may reach although they are private: comma list",
			str(&c.CallAllow, ""),
		},

		{
			Channels,
			"rate-limits",
			"TABI_RATE_LIMITS",
			"most that providers are sent by all workers together: comma list of channel=number/s, /m or /h, " +
				"channel:sender=… or webhook:host=…; call for call steps: email=50/s,email:shop@example.com=10/s",
			str(&c.Rates, ""),
		},

		{Relay, "relay-workers", "TABI_RELAY_WORKERS", "enrollments that are delivered to at once", num(&c.RelayWorkers, 32)},
		{
			Relay,
			"decision-retention",
			"TABI_DECISION_RETENTION",
			"days that decisions are kept, in virtual time; 0: forever",
			num(&c.KeepDays, int(engine.DefaultKeep/(24*time.Hour))),
		},
		{Work, "workflow-tasks", "TABI_WORKFLOW_TASKS", "workflow tasks at once", num(&c.WorkflowTasks, 200)},
		{Work, "activities", "TABI_ACTIVITIES", "activities at once", num(&c.Activities, 100)},
		{Work, "local-activities", "TABI_LOCAL_ACTIVITIES", "local activities at once", num(&c.LocalActivities, 200)},
		{Work, "sticky-cache", "TABI_STICKY_CACHE", "runs kept in memory", num(&c.StickyCache, 5000)},
		{
			Work,
			"metrics-listen",
			"TABI_METRICS_LISTEN",
			"address of the worker's /healthz, /readyz and /metrics; empty: none",
			str(&c.MetricsListen, ":9090"),
		},

		{
			Words,
			"classifier-url",
			"TABI_CLASSIFIER_URL",
			"server asked what customers' messages are about before the built-in classifier: …/chat/completions in OpenAI's form, any other gets {text, intents}; empty: none",
			hid(&c.secrets.classifierURL),
		},
		{Words, "classifier-token", "TABI_CLASSIFIER_TOKEN", "its bearer token", hid(&c.secrets.classifier)},
		{Words, "classifier-model", "TABI_CLASSIFIER_MODEL", "model of a chat; empty: gpt-4o-mini", str(&c.Classifier.Model, "")},
		{
			Words,
			"classifier-timeout",
			"TABI_CLASSIFIER_TIMEOUT",
			"how long its answer may take; then, and where it fails, the built-in one is asked",
			dur(&c.Classifier.Timeout, httpclassifier.DefaultTimeout),
		},

		{
			Time,
			"time-scale",
			"TABI_TIME_SCALE",
			"virtual seconds per second: 3600 runs an hour in a second; 0: as the data has it",
			func(fs *pflag.FlagSet, n, u string) { fs.Float64Var(&c.TimeScale, n, 0, u) },
		},
		{
			Time,
			"time-origin",
			"TABI_TIME_ORIGIN",
			"date or RFC 3339 time at which virtual time starts; empty: now, or as the data has it",
			str(&c.TimeOrigin, ""),
		},
	}
}

// Register adds the flags of the groups to fs, each with its variable in the help.
func (c *Config) Register(fs *pflag.FlagSet, groups Groups) {
	for _, s := range c.settings() {
		if s.group&groups != 0 {
			s.bind(fs, s.flag, s.doc+" ["+s.env+"]")
		}
	}
}

// Load fills what no flag gave from the environment, and checks. Call it once the flags are parsed.
func (c *Config) Load(fs *pflag.FlagSet, lookup func(string) (string, bool)) error {
	for _, s := range c.settings() {
		f := fs.Lookup(s.flag)
		if f == nil || f.Changed || strings.HasPrefix(s.env, "TEMPORAL_") { // those are envconfig's
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
	ch := &c.Channels
	ch.SMTPURL, ch.FCMCredentials = string(c.secrets.smtp), string(c.secrets.fcm)
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
	if c.KeepDays < 0 {
		return Usage("--decision-retention is %d: give a number of days, or 0 to keep them forever", c.KeepDays)
	}
	if c.MaxPending < 0 {
		return Usage("--max-backlog is %d: give a number of entries, or 0 for any", c.MaxPending)
	}
	if _, err := c.callAllow(); err != nil {
		return err
	}
	if _, err := c.rates(); err != nil {
		return err
	}
	for flag, n := range map[string]int{"relay-workers": c.RelayWorkers, "workflow-tasks": c.WorkflowTasks, "activities": c.Activities, "local-activities": c.LocalActivities, "sticky-cache": c.StickyCache} {
		if fs.Lookup(flag) != nil && (n < 1 || flag == "workflow-tasks" && n < 2) {
			return Usage("--%s is %d: it is too small", flag, n)
		}
	}
	return nil
}

// callAllow reads the list of what calls may reach.
func (c *Config) callAllow() (call.Allow, error) {
	allow, err := call.ParseAllow(c.CallAllow)
	if err != nil {
		return allow, Usage("--call-allowlist (TABI_CALL_ALLOWLIST): %w", err)
	}
	return allow, nil
}

// rates reads what providers are sent at most.
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
		return fmt.Errorf("the value is not shown")
	}
	return err
}

// Postgres reports whether the database is PostgreSQL.
func (c *Config) Postgres() bool {
	return strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://")
}

// DatabaseURL is what the store opens.
func (c *Config) DatabaseURL() string {
	if c.Database == "" {
		return filepath.Join(c.DataDir, "tabi.db")
	}
	return c.Database
}

// Keys are the write keys of the gateway.
func (c *Config) Keys() (map[string]auth.Key, error) { return ParseWriteKeys(string(c.WriteKeys)) }

// fromFile gives the text itself, or the file's that @ names; lines of a file stand for commas, # begins a comment.
func fromFile(flag, text string) ([]string, error) {
	name, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		return strings.Split(text, ","), nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, Usage("--%s: %w", flag, err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out, nil
}
