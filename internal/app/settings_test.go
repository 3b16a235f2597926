package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/internal/engine"
)

// loadEnv loads the settings of serve and the worker from an environment.
func loadEnv(t *testing.T, env map[string]string) (*Config, error) {
	t.Helper()
	c := &Config{}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Register(fs, Storage|Logging|Temporal|HTTP|Channels|Work|Relay|Words)
	return c, c.Load(fs, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

// A database setting that is not quite a URL stops the start. It never becomes the name of a file, nor part of an error.
func TestDatabaseThatIsNotQuiteAURLIsRefused(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		`"postgres://tabi:hush@host/tabi"`, `'postgres://tabi:hush@host/tabi'`, ` postgres://tabi:hush@host/tabi`,
		"postgres://tabi:hush@host/tabi\n", `Postgres://tabi:hush@host/tabi`, `POSTGRESQL://tabi:hush@host/tabi`,
		`host=127.0.0.1 dbname=tabi password=hush`, `dbname=hush.db`, `mysql://tabi:hush@host/tabi`, `postgres//tabi:hush@host/tabi`,
		`postgres:/tabi:hush@host/tabi.db`, `postgres:tabi-hush.db`, `tabi:hush@host/tabi.db`, `jdbc:postgresql://host/hush.db`, `hush`,
		`sqlite:`, `sqlite:postgres://tabi:hush@host/x`, `file:///hush.db`, `postgres://tabi:hu%sh@host/tabi`, `$DATABASE_hush`,
	} {
		_, err := loadEnv(t, map[string]string{"TABI_DATABASE": value})
		if ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), "TABI_DATABASE") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", value, err)
		}
	}
	for value, file := range map[string]string{
		"": filepath.Join(".tabi", "tabi.db"), "tabi.db": "tabi.db", "/var/lib/tabi/my data.db": "/var/lib/tabi/my data.db",
		"sqlite:/var/lib/tabi/data": "/var/lib/tabi/data", "postgres-copy.db": "postgres-copy.db",
	} {
		c, err := loadEnv(t, map[string]string{"TABI_DATABASE": value})
		if err != nil || c.Postgres() || c.DatabaseURL() != file {
			t.Errorf("%q: %q %v", value, c.DatabaseURL(), err)
		}
	}
	for _, value := range []string{"postgres://tabi:hush@host:5433/tabi?sslmode=disable", "postgresql://tabi:hush@host:5433/tabi"} {
		c, err := loadEnv(t, map[string]string{"TABI_DATABASE": value})
		if words := c.databaseWords(); err != nil || !c.Postgres() || words != "postgresql, database tabi on host:5433" {
			t.Errorf("%q: %q %v", value, words, err)
		}
	}
}

func TestEverySecretTakesAFile(t *testing.T) {
	t.Parallel()
	c := &Config{}
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Register(fs, Storage|HTTP|Channels|Words)
	contents := map[string]string{
		"database": "postgres://tabi:hush@host/tabi", "classifier-url": "https://classifier.example.com/x",
		"write-keys": "# ours\nserver-key-0123456789=server\nweb=web:A,B|C", "email-url": "smtp://u:p@mail.example.com:25",
		"master-keys": "# new\n00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n" +
			"# old\nffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100",
	}
	secrets := 0
	for _, s := range c.settings() {
		f := fs.Lookup(s.flag)
		if f == nil || !takesFile(f) {
			continue
		}
		secrets++
		text := contents[s.flag]
		if text == "" {
			text = "contents-of-" + s.flag
		}
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := loadEnv(t, map[string]string{s.env: "@" + path})
		if err != nil {
			t.Errorf("%s: %v", s.env, err)
			continue
		}
		for _, missing := range []string{"@" + path + ".gone", "@"} {
			_, err := loadEnv(t, map[string]string{s.env: missing})
			if ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), s.env) {
				t.Errorf("%s=%s: %v", s.env, missing, err)
			}
		}
		if _, secret := f.Value.(*Secret); secret && !slices.Contains(got.given, s.env) {
			t.Errorf("%s is not among the secrets that are set: %v", s.env, got.given)
		}
	}
	if secrets < 12 {
		t.Errorf("only %d settings take a file", secrets)
	}
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("a secret of a file that is long enough\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := loadEnv(t, map[string]string{"TABI_SECRET": "@" + path})
	if secret, _ := got.SealSecrets(); err != nil || string(secret.First()) != "a secret of a file that is long enough" {
		t.Errorf("the secret is %q: %v", secret, err)
	}
	if err := os.WriteFile(path, []byte(contents["write-keys"]), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = loadEnv(t, map[string]string{"TABI_WRITE_KEYS": "@" + path})
	if keys, bad := got.Keys(); err != nil || bad != nil || len(keys) != 2 || !slices.Contains(keys["web"].Events, "A,B") {
		t.Errorf("keys %+v: %v %v", keys, err, bad)
	}
}

func TestUnknownVariablesAreNamed(t *testing.T) {
	t.Parallel()
	got := (&Config{}).UnknownVariables([]string{"TABI_SECRET=x", "TABI_DATABSE=hush", "TABI_TOKEN=x", "HOME=/", "TABI_ZZZ=hush",
		"tabi_email_url=hush", "TABI_GATEWAY_SERVICE_HOST=10.0.0.1", "TABI_GATEWAY_SERVICE_PORT_HTTP=80",
		"TABI_GATEWAY_PORT=tcp://10.0.0.1:80", "TABI_GATEWAY_PORT_80_TCP_ADDR=10.0.0.1"})
	want := []string{
		"the variable TABI_DATABSE is unknown and ignored; did you mean TABI_DATABASE?",
		"the variable TABI_ZZZ is unknown and ignored",
		"the variable tabi_email_url is unknown and ignored; did you mean TABI_EMAIL_URL?",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A process that cannot open what the others seal does not start. A list lets a new secret in, one process after the other.
func TestSecretsOfTheInstallation(t *testing.T) {
	t.Parallel()
	st, err := engine.Open(t.Context(), engine.Options{URL: filepath.Join(t.TempDir(), "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	const a, b, c = "a secret of the gateway", "another one of the gateway", "one that is for links only"
	for i, s := range []struct {
		secret, links string
		change, force bool
		refused       string
	}{
		{secret: a},
		{secret: b, refused: "TABI_SECRET"},
		{secret: b + "," + a}, // the new one in front
		{secret: a, refused: "TABI_SECRET"},
		{secret: a + "," + b}, // another process that has both, in another order
		{secret: b + "," + a},
		{secret: b},
		{secret: a, refused: "TABI_SECRET"},
		{secret: a, change: true, refused: "TABI_LINK_SECRETS"}, // the links would be dead
		{secret: a, links: c + "," + b, change: true},           // b has leaked: it opens links, and nothing else
		{links: c + "," + b},                                    // a worker
		{links: b, refused: "TABI_LINK_SECRETS"},
		{secret: a, links: c},
		{secret: a, refused: "TABI_LINK_SECRETS"},
		{secret: a, force: true},
	} {
		cfg := Config{Database: "postgres://x", Secret: Secret(s.secret), LinkSecretList: Secret(s.links), ChangeSecret: s.change,
			ChangeLinkSecrets: s.force}
		seal, links, err := cfg.AllSecrets()
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		err = cfg.CheckSecrets(t.Context(), st, seal, links)
		if (err != nil) != (s.refused != "") || err != nil && (!strings.Contains(err.Error(), s.refused) || ExitCode(err) != ExitUsage) {
			t.Errorf("%d %+v: %v", i, s, err)
		}
	}
	if _, _, err := (&Config{Database: "postgres://x", LinkSecretList: c, serves: true}).AllSecrets(); ExitCode(err) != ExitUsage {
		t.Errorf("a gateway starts without TABI_SECRET: %v", err)
	}
}

// A setting that came from a file is read again, and the last value stays where the file is gone.
func TestSettingIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "smtp")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("smtp://tabi:first@mail.example.com\n")
	c, err := load(t, map[string]string{"TABI_EMAIL_URL": "@" + path, "TABI_DATABASE": "postgres://u:p@db/tabi"})
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	current := c.current("TABI_EMAIL_URL", c.Channels.EmailURL, zap.New(core))
	if got := current(); got != "smtp://tabi:first@mail.example.com" || logs.Len() != 0 {
		t.Errorf("at first: %q", got)
	}
	write("smtp://tabi:second@mail.example.com")
	for range 2 {
		if got := current(); got != "smtp://tabi:second@mail.example.com" || logs.Len() != 1 {
			t.Errorf("after a change: %q, %d lines", got, logs.Len())
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := current(); got != "smtp://tabi:second@mail.example.com" || logs.Len() != 2 {
		t.Errorf("without the file: %q", got)
	}
	for _, line := range logs.All() {
		if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "second") {
			t.Errorf("the log shows the value: %s", text)
		}
	}
	if c.current("TABI_DATABASE", c.Database, zap.NewNop()) != nil {
		t.Error("a value that is no file's is read again")
	}
}

// TestEndlessFilesOfSettings: a file that never ends is refused, instead of filling the memory.
func TestEndlessFilesOfSettings(t *testing.T) {
	t.Parallel()
	if _, err := FromFile("--token", "@/dev/zero"); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}
