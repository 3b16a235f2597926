package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
)

// remote is how a command reaches the gateway.
type remote struct {
	url      string
	dataDir  string
	writeKey app.Secret
	token    app.Secret
	http     http.Client
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// register adds the flags; key and token say which of the two the command needs.
func (r *remote) register(c *cobra.Command, key, token bool) {
	f := c.Flags()
	f.StringVar(&r.url, "url", "", "address of the gateway; default: the running dev (see --data-dir), or http://127.0.0.1:8080 [TABI_URL]")
	f.StringVar(&r.dataDir, "data-dir", ".tabi", "folder in which a running dev is looked for [TABI_DATA_DIR]")
	if key {
		f.Var(&r.writeKey, "write-key", "write key; none is needed in dev [TABI_WRITE_KEY]")
	}
	if token {
		f.Var(&r.token, "token", "admin token; none is needed in dev [TABI_TOKEN]")
	}
}

// load fills what no flag gave from the environment.
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
	if r.url == "" {
		r.url = "http://127.0.0.1:8080"
		if dev, ok := app.RunningDev(r.dataDir); ok {
			r.url = dev.URL
		}
	}
	u, err := url.Parse(r.url)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return app.Usage("--url is %q: give an http or https address", r.url)
	}
	r.url = strings.TrimRight(r.url, "/")
	r.http.Timeout = time.Minute
	return nil
}

// refusal is an answer that is no success.
type refusal struct {
	status     int
	code       string
	field      string
	message    string
	retryAfter time.Duration
}

func (e *refusal) Error() string {
	if e.field != "" && !strings.Contains(e.message, strings.ReplaceAll(e.field, "_", " ")) {
		return e.field + ": " + e.message
	}
	return e.message
}

// Call sends in (nil: nothing) and reads the answer into out (nil: dropped).
func (r *remote) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, body)
	if err != nil {
		return app.Usage("--url: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tabi/"+app.Version)
	if r.writeKey != "" {
		req.SetBasicAuth(string(r.writeKey), "")
	} else if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+string(r.token))
	}
	answer, err := r.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return app.Unreachable(
			"cannot reach the gateway at %s: %w; start it (tabi dev, tabi serve), give its address with --url (TABI_URL), or the data "+
				"folder of a running tabi dev with --data-dir (TABI_DATA_DIR; looked in %s)",
			r.url,
			shorter(err),
			r.dataDir,
		)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return app.Unreachable("the gateway at %s broke off its answer: %w", r.url, shorter(err))
	}
	if answer.StatusCode/100 != 2 {
		return refused(answer, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("what answers at %s is no gateway of tabi: %w", r.url, err)
	}
	return nil
}

// shorter drops the method and address that http.Client puts before what went wrong.
func shorter(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func refused(answer *http.Response, data []byte) error {
	e := &refusal{status: answer.StatusCode}
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Field   string `json:"field"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &said) == nil {
		e.code, e.field, e.message = said.Error.Code, said.Error.Field, said.Error.Message
	}
	if e.message == "" {
		e.message = "the gateway answered " + answer.Status
	}
	if s, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && s > 0 {
		e.retryAfter = time.Duration(s) * time.Second
	}
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		e.message += " (--write-key or --token)"
	case e.passing():
		return &app.ExitError{Code: app.ExitUnreachable, Err: e}
	case e.code == "unknown_journey", strings.HasPrefix(e.field, "renamed."): // a name that was mistyped
		return &app.ExitError{Code: app.ExitUsage, Err: e}
	}
	return &app.ExitError{Code: app.ExitBad, Err: e}
}

// passing reports whether the same request may well succeed later.
func (e *refusal) passing() bool {
	switch e.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
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
		return nil, app.Usage(`--%s is no JSON object, as {"cart_id": "k1"}: %w`, flag, err)
	}
	return out, nil
}
