package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// canary marks a value that must stay in the store; named marks one that a journey's expressions name, which may
// travel.
const (
	canary = "CANARY"
	named  = "named-by-the-journey"
)

// canaries is a project whose journeys use everything that decisioning does: infer, decide, ask, reroute, suppress,
// hand over.
var canaries = map[string]string{
	"intents.yaml": lines(
		`intents:`,
		`  upset: {half_life: 1d, evidence: [{event: Complaint Filed, when: 'event.secret.startsWith("CANARY")', weight: 2}],`,
		`    examples: [this is a scandal, I am furious]}`,
		`  keen: {half_life: 1d, evidence: [{event: Product Viewed, weight: 1}], examples: [yes please, I would love to]}`,
	),
	"policy.yaml": lines(
		`limits: [{channel: email, max: 1, per: 1d}]`,
		`consent: {marketing: 'customer.first_name.startsWith("CANARY")'}`,
		`suppress: [{when: intent.upset > 0.99, reason: UPSET}]`,
		`tone: [{when: intent.upset > 0.5, use: soft}]`,
	),
	"actions/offers.yaml": lines(
		`group: offers`,
		`actions:`,
		`  gift: {message: gift, via: [push], value: size(customer.first_name), eligible: 'customer.email.contains("CANARY")',`,
		`    accept: {event: Taken, when: 'event.secret != ""'}}`,
		`  other: {message: gift, via: [push], value: 1}`,
	),
	"talk.yaml": lines(
		`journey: talk`,
		`description: Everything that is decided by what a customer is like.`,
		`entry: {event: Start}`,
		`goal: {event: Bought}`,
		`reroute: [{intent: upset, above: 0.5, go_to: care}]`,
		`steps:`,
		`  - {id: first, send: gift, via: email}`,
		`  - {id: second, send: gift, via: email}`,
		`  - {id: offer, decide: offers}`,
		`  - id: question`,
		`    ask: question`,
		`    via: app`,
		`    timeout: 2d`,
		`    replies: [{intent: keen, then: [{id: note, set: {customer.keen: "steps.question.intent"}}]},`,
		`      {any: true, then: [{exit: other}]}]`,
		`  - {id: rest, wait_for: {event: Thing, when: event.kind == "named-by-the-journey"}, timeout: 20d}`,
		`paths:`,
		`  care:`,
		`    - {id: person, handoff: care, note: "{{ customer.first_name }} said {{ steps.question.text }}", timeout: 20d}`,
	),
	"messages/gift.yaml": lines(
		`message: gift`,
		`email: {subject: "For {{ customer.first_name }}", html: "<p>{{ customer.first_name }}</p>"}`,
		`push: {title: "For {{ customer.first_name }}", body: Take it}`,
		`tones: {soft: {push: {title: "Dear {{ customer.first_name }}"}}}`,
	),
	"messages/question.yaml": lines(
		`message: question`,
		`app: {title: "{{ customer.first_name }}?", body: "Would you like it?"}`,
	),
}

// Customer data stays in the store: neither histories nor logs contain the planted values, only ids and what the
// journeys name.
func TestCustomerDataStaysInStore(t *testing.T) {
	t.Parallel()
	logs := &buffer{}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	h := open(t, settings{files: canaries, scale: 1800, log: zap.New(zapcore.NewCore(encoder, zapcore.AddSync(logs), zapcore.DebugLevel))})
	h.identify("ana", map[string]any{"first_name": canary + " Ana", "email": canary + "@example.com", "push_token": "device-" + canary})
	h.track("ana", "Start", "", map[string]any{"secret": canary + "-start"})
	h.parked("talk/ana", "question")
	h.track("ana", "Message Received", "", map[string]any{"text": "yes please", "signature": canary + "-signature"})
	h.parked("talk/ana", "rest")
	h.track("ana", "Thing", "", map[string]any{"kind": named + ", almost", "secret": canary + "-thing"})
	h.track("ana", "Message Received", "", map[string]any{"text": canary + " is what I write"})
	h.track("ana", "Complaint Filed", "", map[string]any{"secret": canary + "-complaint"})
	h.parked("talk/ana", "person")
	status, body := send(t, h.url+"/v1/decide", map[string]any{"userId": "ana", "group": "offers", "channel": "app"})
	if status != http.StatusOK {
		t.Errorf("POST /v1/decide: %d %s", status, body)
	}
	h.track("ana", "Bought", "", nil)
	h.ended("talk/ana", contract.Goal)

	var history bytes.Buffer
	for _, e := range h.history("talk/ana", "") {
		history.WriteString(protojson.Format(e))
		for _, payload := range payloads(e.ProtoReflect()) {
			history.Write(payload.Data)
			history.WriteByte('\n')
		}
	}
	h.settled()
	for name, text := range map[string]string{"the history": history.String(), "the logs": logs.String()} {
		if i := strings.Index(text, canary); i >= 0 {
			t.Errorf("%s holds what was planted: …%s…", name, text[max(i-200, 0):min(i+100, len(text))])
		}
	}
	if !strings.Contains(history.String(), named) {
		t.Error("the history does not hold what the journey names: is it looked at?")
	}
	contacts, err := h.Store.Messages.Sends(context.Background(), message.SendFilter{Customer: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(contacts)
	if err != nil || !strings.Contains(string(kept), "CAP_REACHED") {
		t.Errorf("the limit held nothing back (%v): %s", err, kept)
	}
}

// payloads returns all payloads inside a message, at every depth.
func payloads(m protoreflect.Message) []*commonpb.Payload {
	var out []*commonpb.Payload
	if p, ok := m.Interface().(*commonpb.Payload); ok {
		return []*commonpb.Payload{proto.CloneOf(p)}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				out = append(out, payloads(v.Message())...)
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				out = append(out, payloads(v.List().Get(i).Message())...)
			}
		case !f.IsMap() && !f.IsList() && f.Message() != nil:
			out = append(out, payloads(v.Message())...)
		}
		return true
	})
	return out
}

// buffer is safe for concurrent use.
type buffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.String()
}
