package designer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/simulate"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// recordedHistories is the project's folder of recorded histories.
const recordedHistories = "workflows/testdata/histories"

// replayReport is the output of `replay`.
type replayReport struct {
	Histories []simulate.Replayed `json:"histories"`
	Passed    int                 `json:"passed"`
	Failed    int                 `json:"failed"`
}

func replayCommand(b app.Build) *cobra.Command {
	var (
		cfg        = app.Config{Build: b}
		gateway    remote.Client
		fromServer bool
		openOnly   bool
		query      string
		limit      int
		output     string
	)
	c := &cobra.Command{
		Use: "replay [DIR|FILE]…", Short: "Replay recorded or live histories against this build, for a deploy gate",
		Long: "Runs histories through the interpreter of this build, and compares its commands and its result with the history, event " +
			"by event. A worker of a build that fails here would block the runs concerned until a compatible worker is deployed.\n\n" +
			"Histories are *.json files as written by `temporal workflow show --output json`; default: " + recordedHistories + ". " +
			"--from-server replays the histories of running and recently closed runs, the latest first. The content of a history is " +
			"not printed.\n\n" +
			"Encrypted histories are decrypted with TABI_MASTER_KEYS and TABI_DATABASE, or, where the first is not set, by the gateway " +
			"at TABI_URL, with a token that may decrypt payloads.\n\n" +
			"Exit status: 0 all passed, 1 at least one failed, 2 wrong usage, 3 cannot reach Temporal.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(cfg.Load(c.Flags(), os.LookupEnv), gateway.Load(c)); err != nil {
				return err
			}
			cfg.DataDir = gateway.DataDir
			if !fromServer && (query != "" || openOnly || c.Flags().Changed("limit")) {
				return app.Usage("--query, --limit and --open-only require --from-server")
			}
			if limit < 1 {
				return app.Usage("--limit is %d: give at least 1", limit)
			}
			if output != "text" && output != "json" {
				return app.Usage("--output is %q: give text or json", output)
			}
			if len(args) == 0 && !fromServer {
				args = []string{recordedHistories}
			}
			histories, err := recorded(args)
			if err != nil {
				return err
			}
			if fromServer {
				devmode.UseDev(&cfg, c.Flags())
				tc, opts, err := cfg.DialTemporal(c.Context(), zap.NewNop(), nil)
				if err != nil {
					return err
				}
				defer tc.Close()
				live, err := listed(c.Context(), tc, opts.Namespace, liveQuery(query, openOnly), limit)
				if err != nil {
					return err
				}
				histories = append(histories, live...)
			}
			keys := &decrypter{dataDir: cfg.DataDir, namespace: cfg.TemporalNS, gateway: codec.Remote{
				URL: gateway.URL, Token: string(gateway.Token)}}
			defer keys.close()
			for i := range histories {
				histories[i].Read = keys.reading(histories[i].Read)
			}
			report, err := replayAll(c, histories, output == "text")
			if err != nil {
				return err
			}
			if err := terminal.Show(c, output, report, func(p *terminal.Printer) {
				p.Line("%d passed, %d failed", report.Passed,
					report.Failed)
			}); err != nil {
				return err
			}
			if report.Failed > 0 {
				return app.Quiet(app.ExitBad)
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&fromServer, "from-server", false, "replay the histories on the Temporal server")
	f.StringVar(&query, "query", "", `with --from-server, only runs that match this list filter, such as 'Journey="cart-recovery"'`)
	f.IntVar(&limit, "limit", 1000, "with --from-server, number of histories at most")
	f.BoolVar(&openOnly, "open-only", false, "with --from-server, only running workflows")
	gateway.Register(c, false, true)
	cfg.Register(f, app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}

// recorded lists the histories of folders and files.
func recorded(args []string) ([]simulate.RecordedHistory, error) {
	var out []simulate.RecordedHistory
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, app.Usage("cannot read %s: no such file or folder, or no permission", arg)
		}
		files := []string{arg}
		if info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(arg, "*.json")); err != nil || len(files) == 0 {
				return nil, app.Usage("there is no history (*.json) in %s", arg)
			}
		}
		for _, file := range files {
			out = append(out, simulate.RecordedHistory{Name: file,
				Read: func(context.Context) (*history.History, error) { return readHistory(file) }})
		}
	}
	return out, nil
}

func readHistory(file string) (*history.History, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err != nil {
		return nil, errors.New("it is not a history as written by `temporal workflow show --output json`")
	}
	return h, nil
}

// liveQuery is the list filter for --from-server.
func liveQuery(query string, openOnly bool) string {
	filter := fmt.Sprintf("WorkflowType IN (%q, %q, %q)", contract.JourneyType, contract.TrackType, contract.ForgetType)
	if openOnly {
		filter += ` AND ExecutionStatus = "Running"`
	}
	if query != "" {
		filter += " AND (" + query + ")"
	}
	return filter
}

// listed finds runs on the server.
func listed(ctx context.Context, tc client.Client, namespace, query string, limit int) ([]simulate.RecordedHistory, error) {
	var out []simulate.RecordedHistory
	var next []byte
	for {
		page, err := tc.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, Query: query, PageSize: int32(min(limit-len(out), 1000)), NextPageToken: next,
		})
		if err != nil {
			return nil, app.Usage("Temporal cannot list %q: %w", query, err)
		}
		for _, e := range page.GetExecutions() {
			id, run := e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId()
			out = append(out, simulate.RecordedHistory{Name: id + " " + run, WorkflowID: id, RunID: run,
				Read: func(ctx context.Context) (*history.History, error) {
					return fetch(ctx, tc, id, run)
				}})
		}
		if next = page.GetNextPageToken(); len(next) == 0 || len(out) >= limit {
			return out[:min(len(out), limit)], nil
		}
	}
}

// fetch reads a history from the server.
func fetch(ctx context.Context, tc client.Client, id, run string) (*history.History, error) {
	h := &history.History{}
	for events := tc.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		if err != nil {
			return nil, err
		}
		h.Events = append(h.Events, e)
	}
	return h, nil
}

// decrypter decrypts histories, and opens the keys when it meets the first that is encrypted.
type decrypter struct {
	dataDir, namespace string
	gateway            codec.Remote

	once  sync.Once
	codec converter.PayloadCodec
	done  func()
	err   error
}

// reading returns read with the payloads decrypted.
func (d *decrypter) reading(read func(context.Context) (*history.History, error)) func(context.Context) (*history.History, error) {
	return func(ctx context.Context) (*history.History, error) {
		h, err := read(ctx)
		if err != nil {
			return nil, err
		}
		if encrypted, err := codec.AnyEncrypted(ctx, h); err != nil || !encrypted {
			return h, err
		}
		d.once.Do(func() { d.codec, d.done, d.err = app.Decrypter(ctx, zap.NewNop(), d.dataDir, d.namespace, &d.gateway) })
		if d.err != nil {
			return nil, d.err
		}
		return h, codec.DecodeHistory(ctx, d.codec, h)
	}
}

func (d *decrypter) close() {
	if d.done != nil {
		d.done()
	}
}

// replayAll replays as many at once as there are processors, each holding one history in memory.
func replayAll(c *cobra.Command, histories []simulate.RecordedHistory, tell bool) (replayReport, error) {
	ctx := c.Context()
	results := make([]chan simulate.Replayed, len(histories))
	for i := range results {
		results[i] = make(chan simulate.Replayed, 1)
	}
	turns := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range turns {
				results[i] <- histories[i].Replay(ctx)
			}
		})
	}
	go func() {
		defer close(turns)
		for i := range histories {
			select {
			case turns <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	out, bar, report := terminal.To(c.OutOrStdout()), terminal.NewProgress(c.ErrOrStderr()), replayReport{Histories: []simulate.Replayed{}}
	for i := range histories {
		select {
		case <-ctx.Done():
			bar.End()
			return report, &app.ExitError{Code: app.ExitBad, Err: errors.New("interrupted")}
		case r := <-results[i]:
			report.Histories = append(report.Histories, r)
			if r.OK {
				report.Passed++
			} else {
				report.Failed++
			}
			if tell {
				bar.End()
				printReplayed(out, r)
			}
			bar.Draw(float64(i+1)/float64(len(histories)), fmt.Sprintf("%d of %d histories, %d failed", i+1, len(histories), report.Failed))
		}
	}
	bar.End()
	workers.Wait()
	return report, nil
}

func printReplayed(p *terminal.Printer, r simulate.Replayed) {
	if r.OK {
		p.Line("ok   %s (%d events)", r.Name, r.Events)
	} else {
		p.Line("FAIL %s: %s", r.Name, r.Reason)
	}
}
