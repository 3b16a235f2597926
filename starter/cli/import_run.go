package cli

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
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// Limits of a batch and of a line, in bytes; the gateway's own are 512 KiB and 32 KiB.
const (
	batchBytes = 400 << 10
	lineBytes  = 1 << 20
)

// ingest sends a file.
type ingest struct {
	file     string
	pace     float64
	batch    int
	patience time.Duration
	clock    *clock.Clock // of the gateway, where it runs at our pace
	mark     *bookmark
	post     func(context.Context, []json.RawMessage) (tracked, error)
	progress func(events int, part, rate float64)

	calls  []json.RawMessage
	bytes  int
	lines  []int       // line of each call
	due    []time.Time // wall time each call was due; with pace
	base   time.Time   // wall time at which first was due
	first  time.Time   // timestamp of the first call sent
	began  time.Time
	lags   []float64
	report ingestReport
}

// batch posts calls to the gateway.
func (r *remote) batch(ctx context.Context, calls []json.RawMessage) (tracked, error) {
	var out tracked
	err := r.Call(ctx, "POST", "/v1/batch", map[string]any{"batch": calls}, &out)
	return out, err
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

// run sends what is behind the mark.
func (in *ingest) run(ctx context.Context) (ingestReport, error) {
	f, err := os.Open(in.file)
	if err != nil {
		return in.report, app.Usage("cannot read %s: %w", in.file, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return in.report, err
	}
	count := &counter{r: f}
	text, err := plain(bufio.NewReaderSize(count, 64<<10))
	if err != nil {
		return in.report, &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s: %w", in.file, err)}
	}
	in.began = clock.Wall()
	done := func() {
		if in.progress != nil && info.Size() > 0 {
			in.progress(
				in.report.Events,
				float64(count.n)/float64(info.Size()),
				float64(in.report.Events)/max(clock.Wall().Sub(in.began).Seconds(), 1e-3),
			)
		}
	}
	last, err := in.read(ctx, text, done)
	if err == nil {
		err = in.flush(ctx)
	}
	if err != nil {
		return in.report, err
	}
	if last == 0 {
		return in.report, &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s: there is no call in it", in.file)}
	}
	in.finish()
	return in.report, in.mark.remove()
}

// plain gives the text of a file that may be compressed.
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

// read takes the lines one by one and sends full batches. It gives the number of the last line.
func (in *ingest) read(ctx context.Context, text *bufio.Reader, done func()) (int, error) {
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, 64<<10), lineBytes)
	n := 0
	for lines.Scan() {
		n++
		raw := bytes.TrimSpace(lines.Bytes())
		if n <= in.mark.Line || len(raw) == 0 {
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
func (in *ingest) bad(line int, err error) error {
	return &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s:%d: %w; what stands before it was sent", in.file, line, err)}
}

// take puts a line's call into the batch, and sends the batch when it is full or, with a pace, when the next
// call is not due yet.
func (in *ingest) take(ctx context.Context, line int, raw []byte) error {
	var call map[string]json.RawMessage
	if err := json.Unmarshal(raw, &call); err != nil || call == nil {
		if err == nil {
			err = errors.New("it is null")
		}
		if flushed := in.flush(ctx); flushed != nil {
			return flushed
		}
		return in.bad(line, fmt.Errorf("not a JSON object: %w", err))
	}
	if _, ok := call["messageId"]; !ok {
		id, err := json.Marshal(in.mark.messageID(line, raw))
		if err != nil {
			return err
		}
		call["messageId"] = id
		if raw, err = json.Marshal(call); err != nil {
			return err
		}
	}
	var due time.Time
	if in.pace > 0 {
		var at time.Time
		if err := json.Unmarshal(call["timestamp"], &at); err != nil {
			if flushed := in.flush(ctx); flushed != nil {
				return flushed
			}
			return in.bad(line, errors.New("no timestamp (RFC 3339), which --pace needs"))
		}
		due = in.schedule(at)
	}
	if len(in.calls) >= in.batch || in.bytes+len(raw) > batchBytes || in.pace > 0 && len(in.calls) > 0 && due.After(clock.Wall()) {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	if err := wait(ctx, due); err != nil {
		return err
	}
	in.calls = append(in.calls, slices.Clone(raw))
	in.bytes += len(raw)
	in.lines = append(in.lines, line)
	in.due = append(in.due, due)
	return nil
}

// schedule gives the wall time at which a call with this timestamp is due.
func (in *ingest) schedule(at time.Time) time.Time {
	if in.clock != nil {
		return in.clock.Wall(at)
	}
	if in.first.IsZero() {
		in.first, in.base = at, clock.Wall()
	}
	return in.base.Add(time.Duration(float64(at.Sub(in.first)) / in.pace))
}

// wait blocks until a moment; the zero time is past.
func wait(ctx context.Context, until time.Time) error {
	left := until.Sub(clock.Wall())
	if until.IsZero() || left <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// flush sends the batch, again and again while the gateway cannot take it, and moves the mark behind it.
func (in *ingest) flush(ctx context.Context) error {
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
	in.report.Events += len(in.calls)
	for _, r := range got.Receipts {
		in.report.Entered += len(r.Entered)
		if r.Duplicate {
			in.report.Duplicates++
		}
	}
	if err := in.mark.move(in.lines[len(in.lines)-1]); err != nil {
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
func (in *ingest) insist(ctx context.Context) (tracked, error) {
	began, pause := clock.Wall(), firstPause
	for {
		got, err := in.post(ctx, in.calls)
		if err == nil {
			return got, nil
		}
		var no *refusal
		answered := errors.As(err, &no)
		switch {
		case ctx.Err() != nil:
			return got, ctx.Err()
		case answered && !no.passing():
			return got, in.blame(no)
		case !answered && app.ExitCode(err) != app.ExitUnreachable:
			return got, err
		case clock.Wall().Sub(began) > in.patience:
			return got, app.Unreachable("stopped retrying after %s: %w; run the same command to resume", in.patience, err)
		}
		in.report.Retries++
		rest := pause
		if answered && no.retryAfter > 0 {
			rest = no.retryAfter
		}
		if err := wait(ctx, clock.Wall().Add(rest)); err != nil {
			return got, err
		}
		pause = min(pause*2, maxPause)
	}
}

// blame turns a refusal of a batch into an error at the line it is about.
func (in *ingest) blame(no *refusal) error {
	found := place.FindStringSubmatch(no.field)
	if found == nil {
		return &app.ExitError{Code: app.ExitBad, Err: no}
	}
	i, err := strconv.Atoi(found[1])
	if err != nil || i >= len(in.lines) {
		return &app.ExitError{Code: app.ExitBad, Err: no}
	}
	message := no.message
	if field := no.field[len(found[0]):]; field != "" {
		message = field + ": " + message
	}
	return &app.ExitError{
		Code: app.ExitBad,
		Err:  fmt.Errorf("%s:%d: %s; of its batch, from line %d on, nothing was taken", in.file, in.lines[i], message, in.lines[0]),
	}
}

// finish fills the report.
func (in *ingest) finish() {
	r := &in.report
	r.Pace = in.pace
	r.Seconds = clock.Wall().Sub(in.began).Seconds()
	r.Rate = float64(r.Events) / max(r.Seconds, 1e-3)
	if len(in.lags) > 0 {
		slices.Sort(in.lags)
		r.LagP50 = in.lags[(len(in.lags)-1)/2]
		r.LagP99 = in.lags[(len(in.lags)-1)*99/100]
	}
}
