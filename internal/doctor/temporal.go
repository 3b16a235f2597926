package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// leastTemporal is the oldest version of the Temporal server with all that tabi uses: updates are on by default from 1.25 on.
var leastTemporal = [2]int{1, 25}

func openTemporal(ctx context.Context, p *Patient, r *report) {
	c, where, namespace, err := p.Config.LookTemporal(ctx, silent)
	if err != nil {
		r.fail(temporalRemedy(err), "not reached at %s: %s", where, temporalCause(err))
		return
	}
	p.temporal, p.namespace = c, namespace
	info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		r.warn("", "%s; its version cannot be read: %s", where, err)
		return
	}
	version := info.GetServerVersion()
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n == 2 &&
		(major < leastTemporal[0] || major == leastTemporal[0] && minor < leastTemporal[1]) {
		r.fail("upgrade it", "%s is version %s, older than %d.%d", where, version, leastTemporal[0], leastTemporal[1])
		return
	}
	r.ok("%s, version %s", where, version)
}

// temporalCause returns the last part of an error of gRPC, which says what happened.
func temporalCause(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, `desc = "`); at >= 0 {
		text = strings.TrimSuffix(text[at+len(`desc = "`):], `"`)
	}
	return strings.TrimPrefix(text, "transport: ")
}

// temporalRemedy returns what to do about a Temporal that is not reached. gRPC wraps no errors, so it looks at the text.
func temporalRemedy(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "certificate") || strings.Contains(text, "tls:"):
		return "correct TEMPORAL_TLS_…: the CA of the server, the client's certificate and key, and the server's name"
	case strings.Contains(text, "server preface"):
		return "set TEMPORAL_TLS and the certificates: something answers there, and not in clear"
	case strings.Contains(text, "no such host"):
		return "correct TEMPORAL_ADDRESS"
	}
	return "start it, or correct TEMPORAL_ADDRESS"
}

// clientCertificate looks at the certificate by which this process is known to Temporal.
func clientCertificate(_ context.Context, p *Patient, r *report) {
	cert := p.lookup("TEMPORAL_TLS_CLIENT_CERT_PATH")
	if cert == "" {
		r.skip("TEMPORAL_TLS_CLIENT_CERT_PATH is not set")
		return
	}
	leaf := certificateOf(r, cert, p.lookup("TEMPORAL_TLS_CLIENT_KEY_PATH"),
		"TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH")
	if leaf != nil && len(r.findings) == 0 {
		r.ok("for %s, until %s", leaf.Subject.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}

func sameNamespace(ctx context.Context, p *Patient, r *report) {
	found, err := cluster.Ask(ctx, p.temporal, p.namespace)
	if err != nil {
		r.fail("create the namespace, or correct TEMPORAL_NAMESPACE", "%s", err)
		return
	}
	if p.store == nil {
		r.skip("%s; the database cannot be used to compare", found)
		return
	}
	home, ok, err := cluster.Home(ctx, p.store.Database)
	switch {
	case err != nil:
		r.fail("", "%s", err)
	case !ok:
		r.warn("start tabi serve", "the database belongs to no namespace yet; this is %s", found)
	case home.NamespaceID != found.NamespaceID:
		r.fail("correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or run tabi cluster adopt after a move for good",
			"the database belongs to %s, and this is %s", home, found)
	default:
		r.ok("%s, to which the database belongs", found)
	}
}

// leastRetention is how long closed runs stay at least: until the reconciler has compared them, and an operator has looked.
const leastRetention = 24 * time.Hour

func retention(ctx context.Context, p *Patient, r *report) {
	described, err := p.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: p.namespace})
	if err != nil {
		r.warn("", "the namespace cannot be described: %s", err)
		return
	}
	keep := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if keep < leastRetention {
		r.warn("temporal operator namespace update --retention 72h", "closed runs stay for %s only", clock.FormatDuration(keep))
		return
	}
	r.ok("closed runs stay for %s", clock.FormatDuration(keep))
}

func searchAttributes(ctx context.Context, p *Patient, r *report) {
	known, err := p.temporal.OperatorService().
		ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: p.namespace})
	if err != nil {
		r.warn("", "they cannot be listed: %s", err)
		return
	}
	var missing []string
	for _, name := range app.SearchAttributes {
		kind, ok := known.GetCustomAttributes()[name]
		switch {
		case !ok:
			missing = append(missing, name)
		case kind != enumspb.INDEXED_VALUE_TYPE_KEYWORD:
			r.fail("use another namespace", "%s has the type %s, not Keyword", name, kind)
		}
	}
	switch {
	case len(missing) > 0:
		r.warn("the next start of tabi serve adds them", "missing: %s", strings.Join(missing, ", "))
	case len(r.findings) == 0:
		r.ok("all are there")
	}
}

func workers(ctx context.Context, p *Patient, r *report) {
	described, err := p.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: p.namespace, TaskQueue: &taskqueue.TaskQueue{Name: contract.TaskQueue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
	})
	if err != nil {
		r.warn("", "the task queue %s cannot be described: %s", contract.TaskQueue, err)
		return
	}
	var who []string
	for _, poller := range described.GetPollers() {
		if poller.GetLastAccessTime() == nil || clock.Wall().Sub(poller.GetLastAccessTime().AsTime()) < 2*time.Minute {
			if !slices.Contains(who, poller.GetIdentity()) {
				who = append(who, poller.GetIdentity())
			}
		}
	}
	if len(who) == 0 {
		r.fail("start tabi-worker", "nobody polls the task queue %s: journeys do not run", contract.TaskQueue)
		return
	}
	slices.Sort(who)
	r.ok("%d poll the task queue %s: %s", len(who), contract.TaskQueue, strings.Join(who[:min(len(who), 5)], ", "))
}
