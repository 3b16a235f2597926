package app

import (
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/background"
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
	Work     // the worker's concurrency
	Relay
	Time  // the virtual clock
	Words // the classifier of texts
)

// setting is a line of the table of settings.
type setting struct {
	group Groups
	flag  string
	env   string
	doc   string
	bind  func(fs *pflag.FlagSet, name, usage string)
}

// str binds a text.
func str(p *string, def string) func(*pflag.FlagSet, string, string) {
	return func(fs *pflag.FlagSet, n, u string) { fs.StringVar(p, n, def, u) }
}

// hid binds a secret.
func hid(p *Secret) func(*pflag.FlagSet, string, string) {
	return func(fs *pflag.FlagSet, n, u string) { fs.Var(p, n, u) }
}

// settings returns the table of settings. bind has the defaults; --help prints all of it.
func (c *Config) settings() []setting {
	num := func(p *int, def int) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.IntVar(p, n, def, u) }
	}
	dur := func(p *time.Duration, def time.Duration) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.DurationVar(p, n, def, u) }
	}
	yes := func(p *bool) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.BoolVar(p, n, false, u) }
	}
	ch := &c.Channels
	return slices.Concat([]setting{
		{
			Storage,
			"database",
			"TABI_DATABASE",
			"postgres:// URL, or a SQLite file: sqlite:PATH or a path that ends in .db; empty: tabi.db in the data folder",
			str(&c.Database, ""),
		},
		{
			Storage,
			"no-migrate",
			"TABI_NO_MIGRATE",
			"leave the database's schema as it is (see tabi db), and do not start with one that this build cannot use",
			yes(&c.NoMigrate),
		},
		{
			Storage,
			"db-connections",
			"TABI_DB_CONNECTIONS",
			"connections to PostgreSQL of this process, at least 4; all processes together must stay below the server's max_connections",
			num(&c.DBConnections, 16),
		},
		{Storage, "data-dir", "TABI_DATA_DIR", "folder of the SQLite files and of the generated secret", str(&c.DataDir, ".tabi")},
		{
			Storage,
			"secret",
			"TABI_SECRET",
			"seals sessions and user tokens, and links without link-secrets: at least 16 bytes; of several, separated by commas, " +
				"the first seals and all open; empty: generated once with SQLite, required with PostgreSQL",
			hid(&c.Secret),
		},
		{
			Storage,
			"link-secrets",
			"TABI_LINK_SECRETS",
			"seal the links in mails: of several, separated by commas, the first seals and all open; empty: those of secret",
			hid(&c.LinkSecretList),
		},
		{
			Storage,
			"master-keys",
			"TABI_MASTER_KEYS",
			"encrypt what Temporal keeps: 32 random bytes each, as hexadecimal digits or base64 (openssl rand -hex 32); of several, " +
				"separated by commas, the first wraps the keys of customers and all unwrap; empty: not encrypted",
			hid(&c.MasterKeys),
		},
		{
			Storage,
			"pseudonyms",
			"TABI_PSEUDONYMS",
			"on: workflow ids and the search attribute CustomerId have a random id in place of the customer's; needs master keys",
			str(&c.Pseudonyms, "off"),
		},
		{
			Temporal | Work,
			"clear-queues",
			"TABI_CLEAR_QUEUES",
			"task queues of other teams whose workers cannot decrypt: the inputs of their activities stay readable in Temporal; " +
				"separated by commas",
			str(&c.ClearQueues, ""),
		},

		{Logging, "log-level", "TABI_LOG_LEVEL", "debug, info, warn or error", str(&c.LogLevel, "info")},
		{Logging, "log-format", "TABI_LOG_FORMAT", "console or json; empty: console on a terminal", str(&c.LogFormat, "")},

		{
			Temporal,
			"temporal-address",
			"TEMPORAL_ADDRESS",
			"host:port of Temporal; the other TEMPORAL_* variables and the profiles of Temporal's CLI apply too",
			str(&c.TemporalAddr, ""),
		},
		{Temporal, "temporal-namespace", "TEMPORAL_NAMESPACE", "namespace on Temporal", str(&c.TemporalNS, "")},
		{
			Temporal | Storage,
			"connect-timeout",
			"TABI_CONNECT_TIMEOUT",
			"how long to wait for the database and Temporal at start",
			dur(&c.ConnectTimeout, time.Minute),
		},

		{
			HTTP,
			"change-secret",
			"TABI_CHANGE_SECRET",
			"accept a list secret that lacks the one this installation has used: user tokens of before stop working",
			yes(&c.ChangeSecret),
		},
		{
			HTTP,
			"change-link-secrets",
			"TABI_CHANGE_LINK_SECRETS",
			"accept link secrets that lack the one this installation has used: the links in mails that were sent stop working",
			yes(&c.ChangeLinkSecrets),
		},
		{
			HTTP,
			"drain",
			"TABI_DRAIN",
			"how long to go on serving after SIGTERM while /readyz says 503, so that load balancers send no more",
			dur(&c.Drain, 5*time.Second),
		},
		{
			HTTP,
			"listen",
			"TABI_LISTEN",
			"address to listen on, host:port; empty: 127.0.0.1:8080, and with tls-cert :8080",
			str(&c.Listen, ""),
		},
		{
			HTTP,
			"tls-cert",
			"TABI_TLS_CERT",
			"PEM file with the certificate and its chain, read again when it changes; empty: no TLS, so that a proxy must have it",
			str(&c.TLSCert, ""),
		},
		{HTTP, "tls-key", "TABI_TLS_KEY", "PEM file with the key of tls-cert", str(&c.TLSKey, "")},
		{
			HTTP | Channels,
			"public-url",
			"TABI_PUBLIC_URL",
			"URL at which customers' browsers and mail programs reach the gateway; empty: http:// and the listen address",
			str(&c.PublicURL, ""),
		},
		{
			HTTP,
			"write-keys",
			"TABI_WRITE_KEYS",
			"write keys: a comma-separated list of key=server and key=web:Event A|trait.name|proof.SECRET, or @FILE with one per line",
			hid(&c.WriteKeys),
		},
		{
			HTTP,
			"tokens",
			"TABI_TOKENS",
			"tokens of people and programs: a comma-separated list of name:role=token, or name:agent:queue|queue=token, or @FILE with " +
				"one per line; roles are reader, agent, designer, operator and admin",
			hid(&c.Tokens),
		},
		{
			HTTP,
			"temporal-ui",
			"TABI_TEMPORAL_UI",
			"comma-separated URLs of the Temporal UI's list of workflows, as https://host/namespaces/default/workflows: pages link to " +
				"the first, and pages of all may call the codec server; empty: none",
			str(&c.TemporalUI, ""),
		},
		{
			HTTP,
			"max-backlog",
			"TABI_MAX_BACKLOG",
			"outbox entries above which new events are refused with status 429, those of web keys above four fifths of it; 0: no limit",
			num(&c.MaxPending, 100_000),
		},
		{
			HTTP, "trusted-proxies", "TABI_TRUSTED_PROXIES",
			"addresses of reverse proxies whose X-Forwarded-For is believed: a comma-separated list such as 10.0.0.0/8,::1; empty: none",
			str(&c.Proxies, ""),
		},
		{
			HTTP, "origins", "TABI_ORIGINS", "sites whose pages may read answers, as https://shop.example.com, separated by commas; *: all",
			func(fs *pflag.FlagSet, n, u string) { fs.StringSliceVar(&c.Origins, n, nil, u) },
		},
		{
			HTTP, "test-recipients", "TABI_TEST_RECIPIENTS",
			"who may get tests of messages: addresses, or domains of mail as @example.com, separated by commas; empty: nobody",
			func(fs *pflag.FlagSet, n, u string) { fs.StringSliceVar(&c.Testers, n, nil, u) },
		},
		{
			HTTP, "web-key-rate", "TABI_WEB_KEY_RATE",
			"calls a second of one web key above which it is answered 429, by each process; 0: no limit",
			num(&c.WebKeyRate, 1000),
		},
		{
			HTTP,
			"web-peer-rate",
			"TABI_WEB_PEER_RATE",
			"calls a second with web keys from one address above which it is answered 429, by each process; 0: no limit",
			num(&c.WebPeerRate, 50),
		},
		{
			HTTP | Work,
			"max-customer-backlog",
			"TABI_MAX_CUSTOMER_BACKLOG",
			"outbox entries of one customer above which calls about that customer are refused with status 429",
			num(&c.Bounds.Backlog, 5_000),
		},
		{
			HTTP | Work,
			"max-open-enrollments",
			"TABI_MAX_OPEN_ENROLLMENTS",
			"open enrollments of one customer in one journey above which an event that enters it is refused with status 409",
			num(&c.Bounds.Open, 200),
		},
		{HTTP, "insecure", "TABI_INSECURE", "start without write keys and tokens; what has none is open to everyone", yes(&c.Insecure)},

		{
			Channels,
			"email-url",
			"TABI_EMAIL_URL",
			"what sends e-mails: smtp://user:password@host:port or smtps://…, encrypted unless it is on this machine or has ?tls=none; " +
				"or a provider, as in postmark://, ses://REGION or mailgun://DOMAIN (docs/channels.md); empty: e-mail is not configured",
			hid(&c.secrets.smtp),
		},
		{Channels, "mail-from", "TABI_MAIL_FROM", `sender of e-mails: "Shop <shop@example.com>"`, str(&ch.MailFrom, "")},
		{
			Channels,
			"smtp-connections",
			"TABI_SMTP_CONNECTIONS",
			"number of concurrent connections to the mail server",
			num(&ch.SMTPConnections, channels.DefaultSMTPConnections),
		},
		{
			Channels,
			"fcm-credentials",
			"TABI_FCM_CREDENTIALS",
			"service account of Firebase Cloud Messaging, as a JSON file or the JSON itself; empty: push is not configured",
			hid(&c.secrets.fcm),
		},
		{Channels, "fcm-project", "TABI_FCM_PROJECT", "Firebase project; empty: that of the credentials", str(&ch.FCMProject, "")},
		{Channels, "fcm-url", "TABI_FCM_URL", "URL to send pushes to; empty: Google's", str(&ch.FCMURL, "")},
		{
			Channels,
			"sms-url",
			"TABI_SMS_URL",
			"who sends text messages: twilio://ACCOUNT?from=+15005550006 (or ?service=MG…), vonage://KEY?from=Shop, or the URL of a " +
				"provider, which gets a signed POST per message; empty: SMS is not configured",
			str(&ch.SMSURL, ""),
		},
		{Channels, "sms-secret", "TABI_SMS_SECRET", "signs the requests to the URL of an SMS provider: whsec_…", hid(&c.secrets.sms)},
		{
			Channels,
			"webhook-secret",
			"TABI_WEBHOOK_SECRET",
			"signs webhooks: whsec_…; several are separated by spaces or commas",
			hid(&c.secrets.webhook),
		},
		{
			Channels,
			"webhook-allow-private",
			"TABI_WEBHOOK_ALLOW_PRIVATE",
			"allow webhooks to loopback and private addresses",
			yes(&ch.WebhookAllowPrivate),
		},
		{Channels, "send-timeout", "TABI_SEND_TIMEOUT", "how long one attempt to send may take", dur(&ch.Timeout, channels.DefaultTimeout)},

		{
			Channels,
			"call-allowlist",
			"TABI_CALL_ALLOWLIST",
			"private hosts, IP addresses and CIDR ranges that call steps may reach, separated by commas; empty: none",
			str(&c.CallAllow, ""),
		},
		{
			Channels,
			"temporal-trusted",
			"TABI_TEMPORAL_TRUSTED",
			"let events that come by the workflow Track or by signals change addresses and permissions, as a server key may",
			yes(&c.TemporalTrusted),
		},

		{
			Channels,
			"rate-limits",
			"TABI_RATE_LIMITS",
			"limits for providers, over all workers together: a comma-separated list of channel=number/s, /m or /h, " +
				"channel:sender=… or webhook:host=…, with call for call steps, as in email=50/s,email:shop@example.com=10/s; empty: none",
			str(&c.Rates, ""),
		},

		{Relay, "relay-workers", "TABI_RELAY_WORKERS", "number of enrollments to deliver to at once", num(&c.RelayWorkers, 32)},
		{
			Relay,
			"handoff-return",
			"TABI_HANDOFF_RETURN",
			"how long a claimed hand-off stays with an agent who gives no sign, in real time; then it returns to its queue; 0: forever",
			dur(&c.HandoffReturn, background.DefaultHandoffReturn),
		},
		{
			Relay,
			"retention",
			"TABI_RETENTION",
			"how long data is kept, by its kind, such as events=400d,sends=2y,audit=forever; docs/operations.md lists the kinds",
			str(&c.Retention, ""),
		},
		{Work, "workflow-tasks", "TABI_WORKFLOW_TASKS", "number of concurrent workflow tasks, at least 2", num(&c.WorkflowTasks, 200)},
		{Work, "activities", "TABI_ACTIVITIES", "number of concurrent activities", num(&c.Activities, 100)},
		{Work, "local-activities", "TABI_LOCAL_ACTIVITIES", "number of concurrent local activities", num(&c.LocalActivities, 200)},
		{Work, "sticky-cache", "TABI_STICKY_CACHE", "number of workflow runs to keep in memory", num(&c.StickyCache, 5000)},
		{
			Work,
			"metrics-listen",
			"TABI_METRICS_LISTEN",
			"address of the worker's /healthz, /readyz and /metrics, host:port; empty: none",
			str(&c.MetricsListen, "127.0.0.1:9090"),
		},
		{Work, "metrics-tls-cert", "TABI_METRICS_TLS_CERT", "PEM file with the worker's certificate and chain; read again when it changes",
			str(&c.MetricsTLSCert, "")},
		{Work, "metrics-tls-key", "TABI_METRICS_TLS_KEY", "PEM file with the key of metrics-tls-cert", str(&c.MetricsTLSKey, "")},

		{
			Words,
			"classifier-url",
			"TABI_CLASSIFIER_URL",
			"server that classifies customers' messages, tried before the built-in classifier: …/chat/completions is called as OpenAI's " +
				"API, any other URL with {text, intents}; empty: none",
			hid(&c.secrets.classifierURL),
		},
		{Words, "classifier-token", "TABI_CLASSIFIER_TOKEN", "bearer token of the classifier server", hid(&c.secrets.classifier)},
		{
			Words,
			"classifier-model",
			"TABI_CLASSIFIER_MODEL",
			"model to request from …/chat/completions; empty: gpt-4o-mini",
			str(&c.Classifier.Model, ""),
		},
		{
			Words,
			"classifier-timeout",
			"TABI_CLASSIFIER_TIMEOUT",
			"how long the classifier server may take; after that, or if it fails, the built-in classifier is used",
			dur(&c.Classifier.Timeout, httpclassifier.DefaultTimeout),
		},

		{
			Time,
			"time-scale",
			"TABI_TIME_SCALE",
			"virtual seconds per real second: 3600 runs an hour in a second; 0: as stored in the data",
			func(fs *pflag.FlagSet, n, u string) { fs.Float64Var(&c.TimeScale, n, 0, u) },
		},
		{
			Time,
			"time-origin",
			"TABI_TIME_ORIGIN",
			"date or RFC 3339 time at which virtual time starts; empty: as stored in the data, or now",
			str(&c.TimeOrigin, ""),
		},
	}, c.mailSettings(), c.providerSettings(), c.signInSettings(), c.trackingSettings())
}
