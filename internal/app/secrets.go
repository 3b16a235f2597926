package app

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/human"
)

// readsFile are the settings besides secrets that take @FILE: they may hold a password, or a long list.
var readsFile = []string{"database", "sms-url", "oidc-roles"}

// takesFile reports whether a value of this setting may be @FILE.
func takesFile(f *pflag.Flag) bool {
	_, secret := f.Value.(*Secret)
	return secret || slices.Contains(readsFile, f.Name)
}

// refuseSecretFlags refuses a secret on the command line.
func (c *Config) refuseSecretFlags(fs *pflag.FlagSet) error {
	for _, s := range c.settings() {
		f := fs.Lookup(s.flag)
		if f == nil || !f.Changed || !takesFile(f) {
			continue
		}
		value := f.Value.String()
		if secret, ok := f.Value.(*Secret); ok {
			value = string(*secret)
		}
		if err := NotAsFlag(s.flag, s.env, value); err != nil {
			return err
		}
	}
	return nil
}

// NotAsFlag returns an error if the value of a flag is a secret: every user of a machine reads the command lines of all processes, and
// shells keep them. A file is named by @FILE. An address counts as a secret if it has a password or, unless it is a database's, a query.
func NotAsFlag(flag, env, value string) error {
	const stays = "--%s: a secret on the command line is seen by every user of this machine: set %s, or give --%s @FILE"
	switch {
	case value == "" || strings.HasPrefix(value, "@"):
		return nil
	case flag == "fcm-credentials":
		if !strings.Contains(value, "{") {
			return nil // a path
		}
	case flag == "database" || strings.HasSuffix(flag, "-url"):
		if !addressHasSecret(value, flag == "database" || flag == "email-url") {
			return nil
		}
	}
	return Usage(stays, flag, env, flag)
}

// addressHasSecret reports whether an address may have a secret. Of some, the query has none except a password.
func addressHasSecret(address string, query bool) bool {
	u, err := url.Parse(address)
	if err != nil {
		return strings.Contains(address, "@")
	}
	_, password := u.User.Password()
	return password || u.Query().Has("password") || !query && u.RawQuery != ""
}

// FromFile returns the value of a secret setting: the contents of the file for @FILE, otherwise the value. name is used in
// errors. White space around the contents of a file is dropped.
func FromFile(name, value string) (string, error) {
	path, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return value, nil
	}
	data, err := readSetting(path)
	if err != nil {
		return "", Usage("%s: a value that begins with @ names a file: %w", name, err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", Usage("%s: the file %s is empty", name, path)
	}
	return text + "\n", nil // a list from a file has one item per line
}

// maxFile is the largest file of a setting, in bytes.
const maxFile = 1 << 20

// readSetting reads a file of a setting, which may be a pipe. A larger one is a mistake, such as /dev/zero.
func readSetting(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, err
}

// loadFiles replaces each @FILE by the contents of the file.
func (c *Config) loadFiles(fs *pflag.FlagSet) error {
	c.files = map[string]string{}
	c.given, c.sends, c.serves = nil, fs.Lookup("email-url") != nil, fs.Lookup("write-keys") != nil
	for _, s := range c.settings() {
		f := fs.Lookup(s.flag)
		if f == nil || !takesFile(f) {
			continue
		}
		raw := f.Value.String()
		if secret, ok := f.Value.(*Secret); ok {
			if raw = string(*secret); raw != "" {
				c.given = append(c.given, s.env)
			}
		}
		if !strings.HasPrefix(raw, "@") {
			continue
		}
		text, err := FromFile(s.env+" (--"+s.flag+")", raw)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(s.flag, "-keys") && s.flag != "tokens" && s.flag != "oidc-roles" {
			text = strings.TrimSpace(text)
		}
		c.files[s.env] = strings.TrimPrefix(raw, "@")
		if err := f.Value.Set(text); err != nil {
			return Usage("%s: the contents of its file are not a %s", s.env, f.Value.Type())
		}
	}
	return nil
}

// current returns a function that reads a setting again which came from a file, so that a password can be replaced while the process runs;
// nil: value is no file's. While the file cannot be read, the last value stays in use, and the log says so.
func (c *Config) current(env, value string, log *zap.Logger) func() string {
	path, isFile := c.files[env]
	if !isFile {
		return nil
	}
	var mu sync.Mutex
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		text, err := FromFile(env, "@"+path)
		if text = strings.TrimSpace(text); err != nil {
			log.Warn("the file of a setting cannot be read again; its last value stays in use", zap.Error(err))
		} else if text != value {
			log.Info("a setting has changed in its file, and is used from now on", zap.String("setting", env))
			value = text
		}
		return value
	}
}

// otherVariables are those that settings do not name: of the commands that call a gateway, and of tests.
var otherVariables = []string{"TABI_URL", "TABI_TOKEN", "TABI_WRITE_KEY", "TABI_TEST_POSTGRES", "TABI_LOAD"}

// serviceLink matches the variables that name services to a pod in Kubernetes, such as TABI_GATEWAY_SERVICE_HOST.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$`)

// UnknownVariables returns a sentence for each variable TABI_… of an environment that nothing reads.
func (c *Config) UnknownVariables(environ []string) []string {
	known := slices.Clone(otherVariables)
	for _, s := range c.settings() {
		known = append(known, s.env)
	}
	var out []string
	for _, one := range environ {
		name, _, _ := strings.Cut(one, "=")
		if !strings.HasPrefix(strings.ToUpper(name), "TABI_") || slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		text := fmt.Sprintf("the variable %s is unknown and ignored", human.Printable(name))
		near := strings.ToUpper(name)
		if !slices.Contains(known, near) {
			near = human.Suggest(near, known)
		}
		if near != "" {
			text += "; did you mean " + near + "?"
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}
