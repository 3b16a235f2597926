package app

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/gallery"
	"github.com/tabi-journeys/tabi/internal/gateway/pages"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// gallery renders all that a message says, for a page.
func (b Build) gallery(ctx context.Context, content *journey.Content, name, customer string, vars *expr.Vars) (pages.Shown, error) {
	var chosen []gallery.Sample
	if vars != nil {
		chosen = []gallery.Sample{gallery.Real(content.Messages[name], b.Specs(), "customer "+customer, *vars)}
	}
	g, err := gallery.Build(ctx, content, b.Specs(), name, chosen)
	if err != nil {
		return pages.Shown{}, err
	}
	out := pages.Shown{About: g.About, Style: gallery.Style(), Policy: gallery.ContentPolicy}
	for _, u := range g.Uses {
		out.Uses = append(out.Uses, pages.ShownUse{Journey: u.Journey, Step: u.Step})
	}
	for _, w := range g.Warnings() {
		out.Warnings = append(out.Warnings, pages.ShownWarning{Code: w.Code, Where: w.Where, Text: w.Text})
	}
	out.Fragment, err = g.Fragment(b.Specs())
	return out, err
}

// startTest starts the workflow that sends a test, and waits for its end or that of ctx. A test that was sent is not sent again.
func (s *Services) startTest(ctx context.Context, key string) error {
	if s.Home != nil {
		if err := s.Home.Check(ctx); err != nil {
			return err
		}
	}
	run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: contract.TestSendWorkflowID(key), TaskQueue: contract.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "send a test of a message",
	}, contract.TestSendType, contract.TestSendInput{Key: key})
	if err != nil {
		return err
	}
	if err := run.Get(ctx, nil); err != nil && ctx.Err() == nil {
		s.Log.Named("gateway").Warn("a test was not sent", zap.Error(err))
	}
	return nil // the row says what came of it
}
