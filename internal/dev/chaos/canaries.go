package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/keyring"
)

// newMasterKey returns a master key of this run.
func newMasterKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	return hex.EncodeToString(key[:])
}

// decrypted returns a client that decrypts by the keys that the store still has. The caller calls done at the end.
func (g *cluster) decrypted(ctx context.Context) (c client.Client, by *codec.Codec, done func(), err error) {
	masters, err := keyring.ParseMasters([]string{g.masterKey})
	if err != nil {
		return nil, nil, nil, err
	}
	st, err := engine.Open(ctx, engine.Options{URL: g.database.url})
	if err != nil {
		return nil, nil, nil, err
	}
	st.Keyring.Use(masters)
	by = codec.New(st.Keyring, client.DefaultNamespace, nil)
	options := client.Options{HostPort: g.temporalAddress(), Logger: quiet{}}
	by.Apply(&options)
	c, err = client.DialContext(ctx, options)
	if err != nil {
		return nil, nil, nil, errors.Join(err, st.Close())
	}
	return c, by, func() {
		c.Close()
		_ = st.Close()
	}, nil
}

// scan looks for texts.
type scan struct {
	wanted map[string]bool
	mu     sync.Mutex
	found  []string
}

// look notes which canaries a text has, once each.
func (s *scan) look(where, text string) {
	seen := map[string]bool{}
	for _, word := range canaries.FindAllString(strings.ToLower(text), -1) {
		if s.wanted[word] && !seen[word] {
			seen[word] = true
			s.mu.Lock()
			s.found = append(s.found, fmt.Sprintf("%s has %s", where, word))
			s.mu.Unlock()
		}
	}
}

// scan looks for the canaries of forgotten customers in all columns of the database, in visibility and all histories without keys, and
// in the logs of all processes.
func (r *result) scan(ctx context.Context, g *cluster) error {
	s := &scan{wanted: r.plan.canaries()}
	if err := errors.Join(s.database(ctx, g), s.histories(ctx, g, r), s.logs(g.o.dir)); err != nil {
		return err
	}
	r.canaries = s.found
	return nil
}

func (s *scan) database(ctx context.Context, g *cluster) error {
	db, err := g.database.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	list := `select tablename from pg_tables where schemaname = current_schema()`
	if g.database.server == nil {
		list = `select name from sqlite_master where type = 'table'`
	}
	var tables []string
	if err := each(ctx, db, list, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		tables = append(tables, name)
		return err
	}); err != nil {
		return err
	}
	for _, table := range tables {
		if table == "ballast" {
			continue
		}
		if err := each(ctx, db, `select * from `+table, func(r *sql.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := r.Scan(into...); err != nil {
				return err
			}
			for i, v := range values {
				text := fmt.Sprint(v)
				if raw, ok := v.([]byte); ok {
					text = string(raw)
				}
				s.look(table+"."+columns[i], text)
			}
			return nil
		}); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
	}
	return nil
}

// histories scans what Temporal has, by a client without keys. A journey's run must belong to an enrollment that is not forgotten, or to a
// request whose report says that Temporal kept runs.
func (s *scan) histories(ctx context.Context, g *cluster, r *result) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: g.temporalAddress(), Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	runs := make(chan *workflowpb.WorkflowExecutionInfo)
	var first error
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for run := range runs {
				if err := s.run(ctx, c, run); err != nil {
					s.mu.Lock()
					first = errors.Join(first, err)
					s.mu.Unlock()
				}
			}
		})
	}
	var page []byte
	for {
		list, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000, NextPageToken: page})
		if err != nil {
			first = errors.Join(first, err)
			break
		}
		for _, run := range list.GetExecutions() {
			r.scanned++
			runs <- run
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	close(runs)
	wg.Wait()
	return first
}

// run scans one run. A run that is gone by now is fine.
func (s *scan) run(ctx context.Context, c client.Client, run *workflowpb.WorkflowExecutionInfo) error {
	where := fmt.Sprintf("%s %s", run.GetType().GetName(), run.GetExecution().GetWorkflowId())
	s.message(ctx, "visibility of "+where, run)
	events := c.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false,
		enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		var gone *serviceerror.NotFound
		if errors.As(err, &gone) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("history of %s: %w", where, err)
		}
		s.message(ctx, fmt.Sprintf("history of %s, event %d %s", where, e.GetEventId(), e.GetEventType()), e)
	}
	return nil
}

// message scans a message of Temporal's API: its fields, and the data of its payloads.
func (s *scan) message(ctx context.Context, where string, m proto.Message) {
	s.look(where, protojson.Format(m))
	_ = proxy.VisitPayloads(ctx, proto.Clone(m), proxy.VisitPayloadsOptions{
		Visitor: func(_ *proxy.VisitPayloadsContext, list []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range list {
				s.look(where, string(p.GetData()))
			}
			return list, nil
		},
	})
}

// logs scans the logs of tabi's processes and of Temporal.
func (s *scan) logs(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			s.look(filepath.Base(file)+": "+line[:min(len(line), 400)], line)
		}
	}
	return nil
}
