package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// player plays the scenario against the gateway and prints what happens.
type player struct {
	gateway string
	scale   float64
	began   time.Time // wall time of the virtual time origin
	ci      bool
	checks  int
	ids     int
	seen    map[string]*progress // by workflow id
	first   time.Time            // wall time of the first event; zero once the clock is set
}

// set sets the clock by the first entry, whose virtual time the admin API has.
func (w *player) set(entered time.Time) {
	if !w.first.IsZero() && !entered.IsZero() {
		w.began = w.first.Add(-time.Duration(float64(entered.Sub(origin)) / w.scale))
		w.first = time.Time{}
	}
}

// clock returns the virtual time.
func (w *player) clock() string {
	return w.now().Format("Mon 15:04")
}

func (w *player) now() time.Time {
	return origin.Add(time.Duration(float64(clock.Wall().Sub(w.began)) * w.scale))
}

// at formats a virtual time to come: by its weekday, or by its date if that would be misread for this week's.
func (w *player) at(t time.Time) string {
	if t.Sub(w.now()) > 6*24*time.Hour {
		return t.Format("Mon 2 Jan 15:04")
	}
	return t.Format("Mon 15:04")
}

// tell prints a line with the virtual time.
func (w *player) tell(format string, args ...any) {
	say("%s  %s", w.clock(), fmt.Sprintf(format, args...))
}

// call posts one call of Segment's API.
func (w *player) call(ctx context.Context, kind string, body map[string]any) error {
	w.ids++
	body["messageId"] = fmt.Sprintf("demo-%d", w.ids)
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.gateway+"/v1/"+kind, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("demo", "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s %v: %s: %s", kind, body["event"], resp.Status, text)
	}
	return nil
}

// track sends an event and prints it.
func (w *player) track(ctx context.Context, user, event string, properties map[string]any) error {
	w.tell("%-5s ● %s %s", user, event, short(properties))
	if w.ids == len(customers) { // the first event
		w.first = clock.Wall()
	}
	return w.call(ctx, "track", map[string]any{"userId": user, "event": event, "properties": properties})
}

// short shows properties as name=value, sorted.
func short(properties map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if _, list := properties[name].([]any); list {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s=%v", name, properties[name]))
	}
	return strings.Join(parts, ", ")
}

// get reads JSON.
func (w *player) get(ctx context.Context, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.gateway+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// mail is a mail in the mail sink; push is one in the push sink.
type mail struct {
	To      []string          `json:"to"`
	Subject string            `json:"subject"`
	Text    string            `json:"text"`
	HTML    string            `json:"html"`
	Headers map[string]string `json:"headers"`
	Key     string            `json:"key"`
}

// message is one of the app channel.
type message struct {
	Title string `json:"title"`
	Key   string `json:"key"`
}

type push struct {
	To    string `json:"to"`
	Title string `json:"title"`
	Key   string `json:"key"`
}

// messages returns the app messages of a customer.
func (w *player) messages(ctx context.Context, user string) ([]message, error) {
	var list struct {
		Messages []message `json:"messages"`
	}
	err := w.get(ctx, "/v1/inbox/"+user, &list)
	return list.Messages, err
}

func (w *player) mails(ctx context.Context) (all []mail, err error) {
	return all, w.get(ctx, "/dev/mail.json", &all)
}

func (w *player) pushes(ctx context.Context) (all []push, err error) {
	return all, w.get(ctx, "/dev/push.json", &all)
}

// until polls until ok is true, for at most two minutes.
func (w *player) until(ctx context.Context, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		w.look(ctx)
		done, err := ok()
		if done {
			w.look(ctx)
			return nil
		}
		select {
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("timed out waiting for %s: %w", what, err)
			}
			return fmt.Errorf("timed out waiting for %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// mailed waits for a mail to an address.
func (w *player) mailed(ctx context.Context, to, subject string) error {
	return w.until(ctx, fmt.Sprintf("a mail %q", subject), func() (bool, error) {
		all, err := w.mails(ctx)
		for _, m := range all {
			if strings.Join(m.To, ",") == to && strings.Contains(m.Subject, subject) {
				return w.toldSent(m.Key), nil
			}
		}
		return false, err
	})
}

// shown waits for an app message with one of the titles.
func (w *player) shown(ctx context.Context, user string, titles ...string) error {
	return w.until(ctx, fmt.Sprintf("a message of %q in the app", titles), func() (bool, error) {
		all, err := w.messages(ctx, user)
		for _, m := range all {
			if slices.Contains(titles, m.Title) {
				return w.toldSent(m.Key), nil
			}
		}
		return false, err
	})
}

// pushed waits for a push.
func (w *player) pushed(ctx context.Context, to, title string) error {
	return w.until(ctx, fmt.Sprintf("a push %q", title), func() (bool, error) {
		all, err := w.pushes(ctx)
		for _, p := range all {
			if p.To == to && p.Title == title {
				return w.toldSent(p.Key), nil
			}
		}
		return false, err
	})
}

var (
	handoffLink = regexp.MustCompile(`href="(/inbox/[^"]+)"`)
	resolveForm = regexp.MustCompile(`action="(/inbox/[^"]+/resolve)"`)
)

// page loads a page of the inbox.
func page(ctx context.Context, c *http.Client, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	return string(body), err
}

// resolve acts as the agent: it opens the queue's hand-off in the inbox and submits the page's own form.
func (w *player) resolve(ctx context.Context, queue, agent, outcome, note string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	c := &http.Client{Jar: jar}
	var link string
	if err := w.until(ctx, "a hand-off to "+queue, func() (bool, error) {
		list, err := page(ctx, c, w.gateway+"/inbox?queue="+queue)
		if found := handoffLink.FindStringSubmatch(list); found != nil {
			link = found[1]
		}
		return link != "", err
	}); err != nil {
		return err
	}
	if !w.ci {
		w.tell("      ☎ a customer waits in queue %s (choose %q to continue the demo): %s%s", queue, outcome, w.gateway, link)
		if w.somebodyElse(ctx, c, queue) {
			return nil
		}
		w.tell("      ☎ nobody resolved it, so the demo acts as agent %s", agent)
	}
	text, err := page(ctx, c, w.gateway+link)
	if err != nil {
		return err
	}
	action := resolveForm.FindStringSubmatch(text)
	if action == nil {
		return fmt.Errorf("page %s has no form to resolve the hand-off", link)
	}
	form := url.Values{"agent": {agent}, "outcome": {outcome}, "note": {note}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.gateway+action[1], strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", w.gateway)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the inbox refused the form: %s", resp.Status)
	}
	w.tell("      ☎ %s of queue %s resolved it: %s", agent, queue, outcome)
	return nil
}

// somebodyElse lets the person at the screen resolve the hand-off in the inbox, for ten seconds.
func (w *player) somebodyElse(ctx context.Context, c *http.Client, queue string) bool {
	patience := time.After(10 * time.Second)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-patience:
			return false
		case <-time.After(500 * time.Millisecond):
			w.look(ctx)
			list, err := page(ctx, c, w.gateway+"/inbox?queue="+queue)
			if err == nil && !handoffLink.MatchString(list) {
				w.tell("      ☎ resolved in the inbox")
				return true
			}
		}
	}
}
