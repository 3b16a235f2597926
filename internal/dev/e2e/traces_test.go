package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// traceSink is a collector of traces by OTLP over HTTP.
type traceSink struct {
	server *httptest.Server

	mu    sync.Mutex
	spans map[string]map[string]bool // names of spans, by trace
	raw   []byte                     // all that was sent
}

func newTraceSink(t *testing.T) *traceSink {
	t.Helper()
	s := &traceSink{spans: map[string]map[string]bool{}}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var in collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(data, &in) != nil {
			t.Errorf("no traces: %s, %v", r.URL.Path, err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.raw = append(s.raw, data...)
		for _, resource := range in.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					id := fmt.Sprintf("%x", span.GetTraceId())
					if s.spans[id] == nil {
						s.spans[id] = map[string]bool{}
					}
					s.spans[id][span.GetName()] = true
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.server.Close)
	return s
}

// A call is one trace from its request, which continues the caller's, through the outbox and the run to the mail that it caused, an
// hour later. No span says who the customer is.
func TestTraces(t *testing.T) {
	t.Parallel()
	sink := newTraceSink(t)
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.env = append(in.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.server.URL, "OTEL_BSP_SCHEDULE_DELAY=100")
	in.deploy(pgtest.URL(t))
	const caller = "0af7651916cd43dd8448eb211c80319c"
	in.customer("traced-ana")
	body := `{"userId":"traced-ana","event":"Start","messageId":"traced-start","properties":{"k":"1"}}`
	req, err := http.NewRequest(http.MethodPost, in.url+"/v1/track", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(writeKey, "")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-"+caller+"-b7ad6b7169203331-01")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Request-Id") == "" {
		t.Fatalf("the event: %s, request id %q", resp.Status, resp.Header.Get("X-Request-Id"))
	}
	await(t, "the trace", func() error {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		for _, name := range []string{"POST /v1/track", "outbox deliver", "StartWorkflow:Journey", "send email"} {
			if !sink.spans[caller][name] {
				return fmt.Errorf("no span %q in %v", name, sink.spans)
			}
		}
		return nil
	})
	in.once([]string{"traced-ana"})
	sink.mu.Lock()
	defer sink.mu.Unlock()
	for _, secret := range []string{"traced-ana", "traced-start"} {
		if bytes.Contains(sink.raw, []byte(secret)) {
			t.Errorf("the traces hold %s", secret)
		}
	}
	t.Log(sink.spans[caller])
}
