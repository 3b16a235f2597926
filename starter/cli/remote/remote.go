// Package remote is the client of the gateway as the commands use it: with its flags and their environment variables.
package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/number"
)

// Client is the gateway client of a command, with its flags.
type Client struct{ apiclient.Client }

// Register adds the flags: --write-key with key, --token with token.
func (r *Client) Register(c *cobra.Command, key, token bool) {
	f := c.Flags()
	f.StringVar(&r.URL, "url", "", "address of the gateway; default: the running dev (see --data-dir), or http://127.0.0.1:8080 [TABI_URL]")
	f.StringVar(&r.DataDir, "data-dir", ".tabi", "data folder of the running dev to use, if there is one [TABI_DATA_DIR]")
	if key {
		f.Var(&r.WriteKey, "write-key", "file with a write key, as @FILE; not needed for dev [TABI_WRITE_KEY]")
	}
	if token {
		f.Var(&r.Token, "token", "file with a token, as @FILE; not needed for dev [TABI_TOKEN]")
	}
}

// Load sets the flags that were not given from the environment, and checks the address.
func (r *Client) Load(c *cobra.Command) error {
	for flag, value := range map[string]*app.Secret{"write-key": &r.WriteKey, "token": &r.Token} {
		if f := c.Flags().Lookup(flag); f != nil && f.Changed {
			if err := app.NotAsFlag(flag, "TABI_"+strings.ToUpper(strings.ReplaceAll(flag, "-", "_")), string(*value)); err != nil {
				return err
			}
		}
	}
	for flag, env := range map[string]string{"url": "TABI_URL", "data-dir": "TABI_DATA_DIR", "write-key": "TABI_WRITE_KEY",
		"token": "TABI_TOKEN"} {
		f := c.Flags().Lookup(flag)
		if v := os.Getenv(env); f != nil && !f.Changed && v != "" {
			if err := f.Value.Set(v); err != nil {
				return app.Usage("%s: %w", env, err)
			}
		}
	}
	for _, secret := range []struct {
		env   string
		value *app.Secret
	}{{"TABI_WRITE_KEY", &r.WriteKey}, {"TABI_TOKEN", &r.Token}} {
		text, err := app.FromFile(secret.env, string(*secret.value))
		if err != nil {
			return err
		}
		*secret.value = app.Secret(strings.TrimSpace(text))
	}
	if r.URL == "" {
		r.URL = "http://127.0.0.1:8080"
		if dev, ok := devmode.RunningDev(r.DataDir); ok {
			r.URL = dev.URL
		}
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return app.Usage("--url is %q: give an http or https address", r.URL)
	}
	r.URL = strings.TrimRight(r.URL, "/")
	r.HTTP.Timeout = time.Minute
	return nil
}

// Object reads the JSON object of a flag.
func Object(flag, text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	out, err := number.DecodeObject([]byte(text))
	if err != nil || out == nil {
		if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
			err = fmt.Errorf("it is a JSON %s", kind.Value)
		} else if err == nil {
			err = errors.New("it is null")
		}
		return nil, app.Usage(`--%s is not a JSON object such as {"cart_id": "k1"}: %w`, flag, err)
	}
	return out, nil
}

// Renames reads the flags --step.
func Renames(steps []string) (map[string]string, error) {
	out := map[string]string{}
	for _, one := range steps {
		old, new, ok := strings.Cut(one, "=")
		if !ok || old == "" || new == "" {
			return nil, app.Usage("--step is %q: give OLD=NEW, two step ids", one)
		}
		if _, twice := out[old]; twice {
			return nil, app.Usage("--step: %s is named twice", old)
		}
		out[old] = new
	}
	return out, nil
}
