package app

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/httpclassifier"
)

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
			"server asked what customers' messages are about before the built-in classifier: …/chat/completions in OpenAI's form, any " +
				"other gets {text, intents}; empty: none",
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
