package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// ParseWriteKeys reads `key=server` and `key=web:Event A|Event B`, separated by commas, or @FILE with one a
// line. A web key may also name the traits it may set, as trait.<name>: `key=web:Page Viewed|trait.plan`.
func ParseWriteKeys(text string) (map[string]auth.Key, error) {
	keys := map[string]auth.Key{}
	if strings.TrimSpace(text) == "" {
		return keys, nil
	}
	list, err := items("write-keys", text)
	if err != nil {
		return nil, err
	}
	for n, item := range list {
		name, kind, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok || name == "" {
			return nil, Usage("write key %d of TABI_WRITE_KEYS has no kind: give key=server or key=web:Event A|Event B", n+1)
		}
		if _, twice := keys[name]; twice {
			return nil, Usage("write key %d of TABI_WRITE_KEYS is listed twice", n+1)
		}
		kind, list, hasList := strings.Cut(kind, ":")
		switch {
		case kind == auth.ServerKey && !hasList:
			keys[name] = auth.Key{Kind: auth.ServerKey}
		case kind == auth.WebKey && list != "":
			k := auth.Key{Kind: auth.WebKey}
			for allowed := range strings.SplitSeq(list, "|") {
				if trait, ok := strings.CutPrefix(allowed, "trait."); ok {
					k.Traits = append(k.Traits, trait)
				} else {
					k.Events = append(k.Events, strings.TrimSpace(allowed))
				}
			}
			keys[name] = k
		default:
			return nil, Usage("write key %d of TABI_WRITE_KEYS has kind %q: give key=server or key=web:Event A|Event B", n+1, kind)
		}
	}
	return keys, nil
}

// ParseTokens reads `token` or `name=token`, separated by commas, or @FILE with one a line. flag names the
// setting in errors.
func ParseTokens(flag, text string) ([]auth.Token, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	list, err := items(flag, text)
	if err != nil {
		return nil, err
	}
	var out []auth.Token
	for n, item := range list {
		name, value, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok {
			name, value = "", name
		}
		if value == "" {
			return nil, Usage("token %d of --%s is empty", n+1, flag)
		}
		out = append(out, auth.Token{Name: name, Value: value})
	}
	return out, nil
}

// minSecret is the shortest secret, in bytes.
const minSecret = 16

// SecretBytes returns the installation's secret. If none is set and the database is SQLite, it creates one and stores it
// in the data folder, readable by its owner only.
func (c *Config) SecretBytes() ([]byte, error) {
	if c.Secret != "" {
		if len(c.Secret) < minSecret {
			return nil, Usage("TABI_SECRET has %d bytes: give at least %d (openssl rand -hex 32)", len(c.Secret), minSecret)
		}
		return []byte(c.Secret), nil
	}
	if c.Postgres() {
		return nil, Usage("there is no secret: set TABI_SECRET, the same for every process (openssl rand -hex 32)")
	}
	path := filepath.Join(c.DataDir, "secret")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(path)
	}
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	if data = []byte(strings.TrimSpace(string(data))); len(data) < minSecret {
		return nil, Usage(
			"the secret in %s has %d bytes: delete the file to get a new one (links already sent stop working)",
			path,
			len(data),
		)
	}
	return data, nil
}

// makeSecret creates a new secret atomically: of two processes that start at once, both use the first one's.
func makeSecret(path string) ([]byte, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	text := []byte(hex.EncodeToString(raw))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	draft, err := os.CreateTemp(filepath.Dir(path), "secret-*")
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.Write(text)
	if err = errors.Join(err, draft.Close()); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	err = os.Link(draft.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return text, nil
}
