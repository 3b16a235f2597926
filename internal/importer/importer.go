// Package importer sends a log of Segment calls to a gateway, in batches, and resumes after an interruption.
package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// Limits of a batch and of a line, in bytes; the gateway's own are 512 KiB and 32 KiB.
const (
	batchBytes = 400 << 10
	lineBytes  = 1 << 20
)

// Import sends a file.
type Import struct {
	File      string
	Pace      float64 // seconds of the log in each second; 0: as fast as the gateway accepts them
	BatchSize int     // calls at most, 1 to 1,000
	Patience  time.Duration
	Clock     *clock.Clock // of the gateway, where it runs at Pace
	Bookmark  *Bookmark
	Post      func(context.Context, []json.RawMessage) (apiclient.Accepted, error)
	Progress  func(events int, part, rate float64) // nil: none; part is the share of the file, rate is in events per second
	Backfill  bool                                 // the log is history: it teaches, and enters nobody
	Warn      func(text string)                    // nil: nothing is said while the import runs

	calls  []json.RawMessage
	bytes  int
	lines  []int       // line of each call
	due    []time.Time // wall time each call was due; with pace
	base   time.Time   // wall time at which first was due
	first  time.Time   // timestamp of the first call sent
	began  time.Time
	lags   []float64
	warned bool // of old events
	report Report
}

// Report counts what an import did.
type Report struct {
	Events     int     `json:"events"`
	Duplicates int     `json:"duplicates"`
	Entered    int     `json:"entered"`
	Batches    int     `json:"batches"`
	Retries    int     `json:"retries"`
	Rejected   int     `json:"rejected"` // calls that were refused, each alone
	Warnings   int     `json:"warnings"` // parts of accepted calls that were not understood, or had no effect
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"events_per_second"`
	// Lag is the time from when calls were due until they were acknowledged, in seconds of wall time; with --pace only.
	LagP50 float64 `json:"lag_p50_seconds,omitempty"`
	LagP99 float64 `json:"lag_p99_seconds,omitempty"`
	Pace   float64 `json:"pace,omitempty"`
}

// counter counts the bytes that were read of the file itself.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Run sends the calls after the bookmark.
func (in *Import) Run(ctx context.Context) (Report, error) {
	f, err := os.Open(in.File)
	if err != nil {
		return in.report, app.Usage("cannot read %s: %w", in.File, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return in.report, err
	}
	count := &counter{r: f}
	text, err := plain(bufio.NewReaderSize(count, 64<<10))
	if err != nil {
		return in.report, &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s: %w", in.File, err)}
	}
	in.began = clock.Wall()
	done := func() {
		if in.Progress != nil && info.Size() > 0 {
			in.Progress(
				in.report.Events,
				float64(count.n)/float64(info.Size()),
				float64(in.report.Events)/max(clock.Wall().Sub(in.began).Seconds(), 1e-3),
			)
		}
	}
	if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = text.Discard(len(mark))
	}
	last, err := in.read(ctx, text, done)
	if err == nil {
		err = in.flush(ctx)
	}
	if err != nil {
		return in.report, err
	}
	if last == 0 {
		return in.report, &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s: there is no call in it", in.File)}
	}
	in.finish()
	return in.report, in.Bookmark.remove()
}

// plain returns the text of a file that may be compressed.
func plain(r *bufio.Reader) (*bufio.Reader, error) {
	if magic, err := r.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return r, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(z, 64<<10), nil
}

// read takes the lines one by one and sends full batches. It returns the number of the last line.
func (in *Import) read(ctx context.Context, text *bufio.Reader, done func()) (int, error) {
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, 64<<10), lineBytes)
	n := 0
	for lines.Scan() {
		n++
		raw := bytes.TrimSpace(lines.Bytes())
		if n <= in.Bookmark.Line || len(raw) == 0 {
			continue
		}
		if err := in.take(ctx, n, raw); err != nil {
			return n, err
		}
		done()
	}
	if err := lines.Err(); err != nil {
		if flushed := in.flush(ctx); flushed != nil {
			return n, flushed
		}
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("the line is longer than %d bytes", lineBytes)
		}
		return n, in.bad(n+1, err)
	}
	return n, nil
}

// bad is an error at a line.
func (in *Import) bad(line int, err error) error {
	return &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s:%d: %w; what stands before it was sent", in.File, line, err)}
}

// take puts a line's call into the batch, and sends the batch when it is full or, with a pace, when the next
// call is not due yet.
func (in *Import) take(ctx context.Context, line int, raw []byte) error {
	raw = tolerant.Escape(raw)
	var call map[string]json.RawMessage
	if err := json.Unmarshal(raw, &call); err != nil || call == nil {
		if err == nil {
			err = errors.New("it is null")
		}
		in.reject(line, fmt.Sprintf("not a JSON object: %v", err))
		return nil
	}
	_, named := call["messageId"]
	if !named {
		id, err := json.Marshal(in.Bookmark.messageID(line, raw))
		if err != nil {
			return err
		}
		call["messageId"] = id
	}
	if in.Backfill {
		call["context"] = marked(call["context"])
	}
	if !named || in.Backfill {
		var err error
		if raw, err = json.Marshal(call); err != nil {
			return err
		}
	}
	at := moment(call["timestamp"])
	in.warnOfHistory(at)
	var due time.Time
	if in.Pace > 0 {
		if at.IsZero() {
			if flushed := in.flush(ctx); flushed != nil {
				return flushed
			}
			return in.bad(line, errors.New("no timestamp that can be read, which --pace needs"))
		}
		due = in.schedule(at)
	}
	if len(in.calls) >= in.BatchSize || in.bytes+len(raw) > batchBytes || in.Pace > 0 && len(in.calls) > 0 && due.After(clock.Wall()) {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	if err := clock.Wait(ctx, due); err != nil {
		return err
	}
	in.calls = append(in.calls, slices.Clone(raw))
	in.bytes += len(raw)
	in.lines = append(in.lines, line)
	in.due = append(in.due, due)
	return nil
}

// marked returns a call's context with the mark of history.
func marked(context json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(context, &fields) != nil || fields == nil { // absent, or PHP's empty list
		fields = map[string]json.RawMessage{}
	}
	fields["backfill"] = json.RawMessage("true")
	out, err := json.Marshal(fields)
	if err != nil {
		return json.RawMessage(`{"backfill":true}`)
	}
	return out
}

// moment returns the time that a timestamp means; zero: none.
func moment(raw json.RawMessage) time.Time {
	value, err := tolerant.Decode(raw)
	if err != nil {
		return time.Time{}
	}
	at, _, err := tolerant.Time(value)
	if err != nil {
		return time.Time{}
	}
	return at
}

// warnOfHistory says once that old events act as new ones do.
func (in *Import) warnOfHistory(at time.Time) {
	if in.Backfill || in.Pace > 0 || in.warned || in.Warn == nil || at.IsZero() || clock.Wall().Sub(at) < 24*time.Hour {
		return
	}
	in.warned = true
	in.Warn("the log has events that are older than a day, such as of " + at.Format(time.DateOnly) + ": customers enter journeys because " +
		"of them, and are sent messages, as if they happened now; if the log is history, stop and use --backfill")
}

// schedule returns the wall time at which a call with this timestamp is due.
func (in *Import) schedule(at time.Time) time.Time {
	if in.Clock != nil {
		return in.Clock.Wall(at)
	}
	if in.first.IsZero() {
		in.first, in.base = at, clock.Wall()
	}
	return in.base.Add(time.Duration(float64(at.Sub(in.first)) / in.Pace))
}

// flush sends the batch, repeatedly while the gateway cannot accept it, and moves the bookmark after it.
func (in *Import) flush(ctx context.Context) error {
	if len(in.calls) == 0 {
		return nil
	}
	got, err := in.insist(ctx)
	if err != nil {
		return err
	}
	now := clock.Wall()
	for _, due := range in.due {
		if !due.IsZero() {
			in.lags = append(in.lags, max(now.Sub(due).Seconds(), 0))
		}
	}
	in.report.Batches++
	in.report.Events += len(in.calls) - len(got.Rejected)
	for _, one := range got.Rejected {
		if one.Index >= 0 && one.Index < len(in.lines) {
			in.reject(in.lines[one.Index], strings.TrimPrefix(one.Message, fmt.Sprintf("batch[%d].", one.Index)))
		}
	}
	for _, r := range got.Receipts {
		in.report.Entered += len(r.Entered)
		if r.Duplicate {
			in.report.Duplicates++
		}
		for _, warning := range r.Warnings {
			in.doubt(r.MessageID, warning)
		}
	}
	if err := in.Bookmark.move(in.lines[len(in.lines)-1]); err != nil {
		return fmt.Errorf("what was sent cannot be remembered: %w; give another file with --state", err)
	}
	in.calls, in.lines, in.due, in.bytes = in.calls[:0], in.lines[:0], in.due[:0], 0
	return nil
}

// Pauses between tries, unless the gateway names one.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// place finds the call that a refusal is about: batch[3].userId.
var place = regexp.MustCompile(`^batch\[(\d+)\]\.?`)

// insist posts until it is acknowledged, refused for good, or patience ends.
func (in *Import) insist(ctx context.Context) (apiclient.Accepted, error) {
	began, pause := clock.Wall(), firstPause
	for {
		got, err := in.Post(ctx, in.calls)
		if err == nil {
			return got, nil
		}
		var no *apiclient.Refusal
		answered := errors.As(err, &no)
		switch {
		case ctx.Err() != nil:
			return got, ctx.Err()
		case answered && !no.Passing():
			return got, in.blame(no)
		case !answered && app.ExitCode(err) != app.ExitUnreachable:
			return got, err
		case clock.Wall().Sub(began) > in.Patience:
			return got, app.Unreachable("stopped retrying after %s: %w; run the same command to resume", in.Patience, err)
		}
		in.report.Retries++
		rest := pause
		if answered && no.RetryAfter > 0 {
			rest = no.RetryAfter
		}
		if err := clock.Wait(ctx, clock.Wall().Add(rest)); err != nil {
			return got, err
		}
		pause = min(pause*2, maxPause)
	}
}

// blame turns a refusal of a batch into an error at the line it is about.
func (in *Import) blame(no *apiclient.Refusal) error {
	found := place.FindStringSubmatch(no.Field)
	if found == nil {
		return &app.ExitError{Code: app.ExitBad, Err: no}
	}
	i, err := strconv.Atoi(found[1])
	if err != nil || i >= len(in.lines) {
		return &app.ExitError{Code: app.ExitBad, Err: no}
	}
	message := no.Message
	if field := no.Field[len(found[0]):]; field != "" {
		message = field + ": " + message
	}
	return &app.ExitError{
		Code: app.ExitBad,
		Err:  fmt.Errorf("%s:%d: %s; of its batch, from line %d on, nothing was taken", in.File, in.lines[i], message, in.lines[0]),
	}
}

// finish fills the report.
func (in *Import) finish() {
	r := &in.report
	r.Pace = in.Pace
	r.Seconds = clock.Wall().Sub(in.began).Seconds()
	r.Rate = float64(r.Events) / max(r.Seconds, 1e-3)
	if len(in.lags) > 0 {
		slices.Sort(in.lags)
		r.LagP50 = in.lags[(len(in.lags)-1)/2]
		r.LagP99 = in.lags[(len(in.lags)-1)*99/100]
	}
}
