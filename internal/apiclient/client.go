// Package apiclient calls a gateway over HTTP, with errors for the person who typed the command.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
)

// Client calls one gateway. It is an api.Caller.
type Client struct {
	URL      string // without a slash at its end
	DataDir  string // where a running dev was looked for; errors name it
	WriteKey app.Secret
	Token    app.Secret // of an admin; used where there is no write key
	HTTP     http.Client
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// Refusal is a response outside 2xx.
type Refusal struct {
	Status     int
	Code       string
	Field      string // of the request, such as batch[3].userId
	Message    string
	RetryAfter time.Duration
}

func (e *Refusal) Error() string {
	if e.Field != "" && !strings.Contains(e.Message, strings.ReplaceAll(e.Field, "_", " ")) {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// Call sends in (nil: no body) and decodes the response into out (nil: it is dropped). Errors are *app.ExitError; one of
// a response wraps a *Refusal.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	return c.send(ctx, method, path, "application/json", body, out)
}

// Post sends a body of another type than JSON, and decodes the response as Call does.
func (c *Client) Post(ctx context.Context, path, contentType string, body []byte, out any) error {
	return c.send(ctx, http.MethodPost, path, contentType, bytes.NewReader(body), out)
}

func (c *Client) send(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, body)
	if err != nil {
		return app.Usage("--url: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "tabi/"+app.Version)
	if c.WriteKey != "" {
		req.SetBasicAuth(string(c.WriteKey), "")
	} else if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.Token))
	}
	answer, err := c.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return app.Unreachable(
			"cannot reach the gateway at %s: %w; start it (tabi dev, tabi serve), give its address with --url (TABI_URL), or the data "+
				"folder of a running tabi dev with --data-dir (TABI_DATA_DIR; looked in %s)",
			c.URL,
			shorter(err),
			c.DataDir,
		)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return app.Unreachable("the gateway at %s broke off its answer: %w", c.URL, shorter(err))
	}
	if answer.StatusCode/100 != 2 {
		return refused(answer, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("what answers at %s is no gateway of tabi: %w", c.URL, err)
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
	e := &Refusal{Status: answer.StatusCode}
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Field   string `json:"field"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &said) == nil {
		e.Code, e.Field, e.Message = said.Error.Code, said.Error.Field, said.Error.Message
	}
	if e.Message == "" {
		e.Message = "the gateway answered " + answer.Status
	}
	if s, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		e.Message += " (--write-key or --token)"
	case e.Passing():
		return &app.ExitError{Code: app.ExitUnreachable, Err: e}
	case e.Code == "unknown_journey", strings.HasPrefix(e.Field, "renamed."): // a name that was mistyped
		return &app.ExitError{Code: app.ExitUsage, Err: e}
	}
	return &app.ExitError{Code: app.ExitBad, Err: e}
}

// Passing reports whether the same request may well succeed later.
func (e *Refusal) Passing() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Accepted is the gateway's response to events.
type Accepted struct {
	MessageIDs []string `json:"messageIds"`
	Rejected   []struct {
		Index   int    `json:"index"`
		Code    string `json:"code"`
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"rejected"`
	Receipts []struct {
		MessageID string   `json:"messageId"`
		Customer  string   `json:"customer"`
		Duplicate bool     `json:"duplicate"`
		Entered   []string `json:"entered"`
		Heard     int      `json:"delivered_to"`
		Unnamed   bool     `json:"unnamed,omitempty"`
		Warnings  []string `json:"warnings,omitempty"`
	} `json:"receipts,omitempty"`
}
