package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/journey"
)

const every = Storage | Logging | Temporal | HTTP | Channels | Work | Relay | Time | Words

func load(t *testing.T, env map[string]string, args ...string) (*Config, error) {
	t.Helper()
	var c Config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.Register(fs, every)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &c, c.Load(fs, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

func TestFlagBeatsEnvironmentBeatsDefault(t *testing.T) {
	t.Parallel()
	c, err := load(t, map[string]string{"TABI_LISTEN": ":1", "TABI_DATA_DIR": "here", "TABI_EMAIL_URL": "smtp://mail"}, "--listen", ":2")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":2" || c.DataDir != "here" || c.LogLevel != "info" || c.Channels.EmailURL != "smtp://mail" {
		t.Errorf("got %+v", c)
	}
	if got := c.DatabaseURL(); got != filepath.Join("here", "tabi.db") {
		t.Errorf("database %q", got)
	}
}

func TestBadSettingsNameTheirVariable(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"TABI_INSECURE": "perhaps", "TABI_CONNECT_TIMEOUT": "soon", "TABI_ACTIVITIES": "many",
		"TABI_CALL_ALLOWLIST": "crm.internal, http://erp.internal/"} {
		if _, err := load(t, map[string]string{name: value}); ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := load(t, map[string]string{"TABI_ACTIVITIES": "0"}); ExitCode(err) != ExitUsage {
		t.Errorf("no activities at all: %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	c, err := load(t, map[string]string{"TABI_SECRET": "hush-hush", "TABI_WRITE_KEYS": "hush-hush=server"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprintf("%v %+v %#v", c.Secret, c.Secret, c.Secret), c.WriteKeys.String()} {
		if strings.Contains(s, "hush") {
			t.Errorf("printed: %s", s)
		}
	}
}

// The table has no flag and no variable twice, and every line says something.
func TestSettingsTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range (&Config{}).settings() {
		if seen[s.flag] || seen[s.env] || s.doc == "" || s.group == 0 {
			t.Errorf("--%s %s: twice, or without a word", s.flag, s.env)
		}
		seen[s.flag], seen[s.env] = true, true
	}
}

func TestParseWriteKeys(t *testing.T) {
	t.Parallel()
	got, err := ParseWriteKeys("abc=server,web1=web:Page Viewed|Cart Updated|trait.plan," +
		"web2=web:proof.0123456789abcdef|proof.fedcba9876543210")
	want := map[string]auth.Key{
		"abc":  {Kind: auth.ServerKey},
		"web1": {Kind: auth.WebKey, Events: []string{"Page Viewed", "Cart Updated"}, Traits: []string{"plan"}},
		"web2": {Kind: auth.WebKey, Proofs: []string{"0123456789abcdef", "fedcba9876543210"}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("# back end\nabc=server\n\nweb1=web:Page Viewed|Cart Updated|trait.plan\n"+
		"web2=web:proof.0123456789abcdef|proof.fedcba9876543210\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = ParseWriteKeys("@" + file)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("from a file: %v %s", err, diff)
	}
	for _, bad := range []string{"hush-key", "hush-key=admin", "hush-key=web", "hush-key=web:", "=server",
		"hush-key=server,hush-key=server", "@" + file + "-not-there", "hush-key=server:x", "hush\u202ekey=server"} {
		if _, err := ParseWriteKeys(bad); ExitCode(err) != ExitUsage || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestLogLinesControlNoTerminal(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"console", "json"} {
		var out bytes.Buffer
		log, err := (&Config{LogLevel: "info", LogFormat: format}).Logger(&out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("a\x1b[31mb\u009bc", zap.String("name", "d\u202e\u009be"))
		if line := out.String(); strings.ContainsAny(line, "\x1b\u009b\u202e") || !strings.Contains(line, `\u202e`) {
			t.Errorf("%s: %q", format, line)
		}
	}
}

func TestSecretIsGeneratedOnce(t *testing.T) {
	t.Parallel()
	c := &Config{DataDir: filepath.Join(t.TempDir(), "data")}
	first, err := c.SealSecrets()
	if err != nil || len(first.First()) < 32 {
		t.Fatalf("%d bytes, %v", len(first.First()), err)
	}
	second, err := c.SealSecrets()
	if err != nil || string(second.First()) != string(first.First()) {
		t.Errorf("another one the second time: %v", err)
	}
	info, err := os.Stat(filepath.Join(c.DataDir, "secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(c.DataDir)
	if err != nil || len(left) != 1 {
		t.Errorf("left over: %v %v", left, err)
	}
	for _, bad := range []*Config{{Secret: "short"}, {Database: "postgres://x"}} {
		if _, err := bad.SealSecrets(); ExitCode(err) != ExitUsage {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestReachGivesUpAndStops(t *testing.T) {
	t.Parallel()
	fault := errors.New("not there")
	tries := 0
	err := reach(t.Context(), zap.NewNop(), "it", 0, func(context.Context) error { tries++; return fault })
	if !errors.Is(err, fault) || tries != 1 {
		t.Errorf("%d tries, %v", tries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = reach(ctx, zap.NewNop(), "it", time.Hour, func(context.Context) error { cancel(); return fault })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	tries = 0
	err = reach(t.Context(), zap.NewNop(), "it", time.Hour, func(context.Context) error {
		if tries++; tries < 2 {
			return fault
		}
		return nil
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries, %v", tries, err)
	}
	err = reach(t.Context(), zap.NewNop(), "it", time.Hour, func(context.Context) error { return Usage("wrong for ever") })
	if ExitCode(err) != ExitUsage {
		t.Errorf("wrong usage is not tried again: %v", err)
	}
}

func TestReadFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"b.yaml": "b", "a.yaml": "a", "messages/m.yaml": "m", ".git/x.yaml": "x", "notes.txt": "n"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := ReadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimPrefix(f.Name, f.Root+"/"))
	}
	if diff := cmp.Diff([]string{"a.yaml", "b.yaml", "messages/m.yaml"}, names); diff != "" {
		t.Error(diff)
	}
	linked := filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(dir, linked); err != nil {
		t.Fatal(err)
	}
	if through, err := ReadFolder(linked); err != nil || len(through) != 3 ||
		through[2].Name != filepath.ToSlash(linked)+"/messages/m.yaml" {
		t.Errorf("through a link: %v, %v", through, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.yaml"), make([]byte, MaxFile+5), 0o600); err != nil {
		t.Fatal(err)
	}
	if large, err := ReadFolder(dir); err != nil || len(large) != 4 {
		t.Errorf("a file too large hides the others: %v, %v", len(large), err)
	} else if _, found := (Build{}).Check(large[2:3]); len(found) != 1 || !strings.Contains(found[0].Message, "larger than") {
		t.Errorf("of a file too large: %v", found)
	}
	before := Fingerprint(files)
	files[0].Data = []byte("changed")
	if Fingerprint(files) == before {
		t.Error("the fingerprint does not see a change")
	}
	for _, bad := range []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "nowhere")} {
		if _, err := ReadFolder(bad); ExitCode(err) != ExitUsage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPublishedListsChanges(t *testing.T) {
	t.Parallel()
	old := &journey.Content{
		Journeys: map[string]*journey.Definition{"a": {Journey: "a"}, "b": {Journey: "b"}}, Messages: map[string]*journey.Message{},
		Rules: journey.Rules{
			Intents: map[string]*journey.Intent{"i": {Name: "i", HalfLife: 1}},
			Actions: map[string]*journey.Action{"x": {Name: "x"}},
		},
	}
	now := &journey.Content{
		Journeys: map[string]*journey.Definition{
			"b": {Journey: "b", Owner: "x"},
			"c": {Journey: "c"},
		}, Messages: map[string]*journey.Message{"m": {}},
		Rules: journey.Rules{Intents: map[string]*journey.Intent{"i": {Name: "i", HalfLife: 2}}, Policy: &journey.Policy{}},
	}
	var p Published
	p.compare(old, now)
	want := Published{
		Added:   []string{"journey c", "message m", "policy"},
		Changed: []string{"journey b", "intent i"},
		Removed: []string{"journey a", "action x"},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
}

func TestRunAllStopsAllWhenOneFails(t *testing.T) {
	t.Parallel()
	fault := errors.New("broken")
	stopped := make(chan struct{})
	err := RunAll(t.Context(),
		func(context.Context) error { return fault },
		func(ctx context.Context) error { <-ctx.Done(); close(stopped); return ctx.Err() },
	)
	<-stopped
	if !errors.Is(err, fault) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
