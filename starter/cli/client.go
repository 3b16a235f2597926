package cli

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
)

// remote is the client of a command, with its flags.
type remote struct{ apiclient.Client }

// register adds the flags: --write-key with key, --token with token.
func (r *remote) register(c *cobra.Command, key, token bool) {
	f := c.Flags()
	f.StringVar(&r.URL, "url", "", "address of the gateway; default: the running dev (see --data-dir), or http://127.0.0.1:8080 [TABI_URL]")
	f.StringVar(&r.DataDir, "data-dir", ".tabi", "data folder of the running dev to use, if there is one [TABI_DATA_DIR]")
	if key {
		f.Var(&r.WriteKey, "write-key", "write key; not needed for dev [TABI_WRITE_KEY]")
	}
	if token {
		f.Var(&r.Token, "token", "admin token; not needed for dev [TABI_TOKEN]")
	}
}

// load sets the flags that were not given from the environment, and checks the address.
func (r *remote) load(c *cobra.Command) error {
	for flag, env := range map[string]string{"url": "TABI_URL", "data-dir": "TABI_DATA_DIR", "write-key": "TABI_WRITE_KEY",
		"token": "TABI_TOKEN"} {
		f := c.Flags().Lookup(flag)
		if v := os.Getenv(env); f != nil && !f.Changed && v != "" {
			if err := f.Value.Set(v); err != nil {
				return app.Usage("%s: %w", env, err)
			}
		}
	}
	if r.URL == "" {
		r.URL = "http://127.0.0.1:8080"
		if dev, ok := app.RunningDev(r.DataDir); ok {
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

// object reads the JSON object of a flag.
func object(flag, text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil || out == nil {
		if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
			err = fmt.Errorf("it is a JSON %s", kind.Value)
		} else if err == nil {
			err = errors.New("it is null")
		}
		return nil, app.Usage(`--%s is not a JSON object such as {"cart_id": "k1"}: %w`, flag, err)
	}
	return out, nil
}
