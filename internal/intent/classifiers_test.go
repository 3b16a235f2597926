package intent_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	words "github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// contentWithExamples returns content whose intents have examples.
func contentWithExamples(examples map[string][]string, journeys ...*journey.Definition) *journey.Content {
	c := enginetest.Content(journeys, enginetest.Reminder())
	c.Intents = map[string]*journey.Intent{}
	for name, e := range examples {
		c.Intents[name] = &journey.Intent{Name: name, HalfLife: 7 * 24 * time.Hour, Examples: e}
	}
	return c
}

var shopTalk = map[string][]string{
	"complaint": {"my parcel never came", "二度と買いません", "this is broken and I am angry"},
	"purchase":  {"I would like to order", "how much is the blue one?", "注文したいです"},
}

// classification returns the classification of a message.
func (s *suite) classification(event string) (intentName string, confidence float64, version int) {
	s.T.Helper()
	s.Must(
		s.Database.Reader.QueryRowContext(s.Ctx, `select intent, confidence, version from classifications where event = $1`, event).
			Scan(&intentName, &confidence, &version),
	)
	return intentName, confidence, version
}

func (s *suite) writes(customerID, text string) string {
	s.T.Helper()
	c := s.Track(customerID, journey.MessageReceived, enginetest.Props{"text": text})
	s.Ingest(enginetest.Noon, c)
	return c.MessageID
}

func TestMessagesAreClassified(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(shopTalk))
		s.Must(err)
		for text, want := range map[string]string{
			"My parcel never came!": "complaint", "二度と買いません。": "complaint", "I would like to order": "purchase", "zzzz qqqq": "",
			"": "unclassified", "…": "",
		} {
			id := s.writes("ana", text)
			if want == "unclassified" {
				if found, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from classifications where event = $1`, id); err != nil ||
					found {
					s.T.Errorf("a message without text was classified (%v)", err)
				}
				continue
			}
			got, confidence, version := s.classification(id)
			if got != want || version != 1 || (got != "") != (confidence > 0) {
				s.T.Errorf("%q was classified as %q (%.2f, version %d), want %q", text, got, confidence, version, want)
			}
		}
	})
}

// A classifier that one process publishes or saves is used by another process from its next message on.
func TestNewClassifierReachesEveryProcess(t *testing.T) {
	each(t, func(s *suite) {
		other := openAgain(s)
		say := func(st *engine.Engine, text string) (string, int) {
			s.T.Helper()
			c := s.Track("ben", journey.MessageReceived, enginetest.Props{"text": text})
			if _, err := st.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{c}); err != nil {
				s.T.Fatal(err)
			}
			intentName, _, version := s.classification(c.MessageID)
			return intentName, version
		}
		expect := func(st *engine.Engine, text, want string, version int) {
			s.T.Helper()
			if got, v := say(st, text); got != want || v != version {
				s.T.Fatalf("%q was classified as %q by version %d, want %q by %d", text, got, v, want, version)
			}
		}
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(shopTalk))
		s.Must(err)
		expect(other, "my parcel never came", "complaint", 1)
		changed := map[string][]string{"complaint": {"the colour is wrong"}, "purchase": shopTalk["purchase"]}
		_, err = s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(changed))
		s.Must(err)
		expect(other, "the colour is wrong", "complaint", 2)
		m, err := words.Train(
			[]words.Example{{Text: "the colour is wrong", Intent: "purchase"}, {Text: "hello there", Intent: "greeting"}},
			words.Options{},
		)
		s.Must(err)
		version, err := other.Intents.SaveClassifier(s.Ctx, enginetest.Noon, intent.FromCSV, "by-hand", m, map[string]any{"accuracy": 1})
		s.Must(err)
		s.Equal(version, 3)
		expect(s.Engine, "the colour is wrong", "purchase", 3)
		expect(s.Engine, "hello there", "", 3) // "greeting" is not an intent of the release
		_, err = s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(shopTalk))
		s.Must(err)
		expect(other, "the colour is wrong", "purchase", 3) // a classifier that was saved stays
		c, err := s.Intents.Classifier(s.Ctx)
		s.Must(err)
		if c.Source != intent.FromCSV || string(c.Metrics) != `{"accuracy":1}` || !c.At.Equal(enginetest.Noon) {
			s.T.Errorf("got %+v", c)
		}
	})
}

// openAgain opens another engine on the same database.
func openAgain(s *suite) *engine.Engine {
	s.T.Helper()
	other, err := engine.Open(s.Ctx, engine.Options{URL: s.URL})
	s.Must(err)
	s.T.Cleanup(func() {
		if err := other.Close(); err != nil {
			s.T.Error(err)
		}
	})
	return other
}

func TestReleaseWithoutExamplesHasNoClassifier(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(shopTalk))
		s.Must(err)
		_, err = s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(map[string][]string{"complaint": nil}))
		s.Must(err)
		_, err = s.Intents.Classifier(s.Ctx)
		s.WantError(err, sqldb.ErrNotFound)
		id := s.writes("ana", "my parcel never came")
		if found, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from classifications where event = $1`, id); err != nil || found {
			s.T.Errorf("the message was classified without a classifier (%v)", err)
		}
	})
}

// The configured classifier is asked first. If it fails, or names something that is not an intent, the built-in one is asked.
func TestConfiguredClassifierIsAskedFirst(t *testing.T) {
	each(t, func(s *suite) {
		s.Engine.Intents.Asks = func(_ context.Context, text string, intents []string) (string, float64, error) {
			switch {
			case fmt.Sprint(intents) != "[complaint purchase]":
				return "", 0, fmt.Errorf("asked for %v", intents)
			case text == "down":
				return "", 0, errors.New("not there")
			case text == "my parcel never came":
				return "purchase", 7, nil
			case text == "I would like to order":
				return "nonsense", 0.9, nil
			}
			return "", 0.4, nil
		}
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(shopTalk))
		s.Must(err)
		for _, c := range []struct {
			text, want string
			version    int
		}{{"my parcel never came", "purchase", 0}, {"I would like to order", "purchase", 1}, {"down", "", 1}, {"二度と買いません", "", 0}} {
			got, confidence, version := s.classification(s.writes("ana", c.text))
			if got != c.want || version != c.version || confidence > 1 {
				s.T.Errorf("%q was classified as %q (%v, version %d), want %q, %d", c.text, got, confidence, version, c.want, c.version)
			}
		}
	})
}

func TestReadMessageClaimsTheEnrollment(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(shopTalk, enginetest.Cart()))
		s.Must(err)
		e := s.Enter("ana", enginetest.Props{"cart_id": "k1"})
		c := s.Track("ana", journey.MessageReceived, enginetest.Props{"text": "My parcel never came", "journey": "cart", "step": "nudge"})
		s.Ingest(enginetest.Noon, c)
		got, err := s.Intents.ReadMessage(s.Ctx, enginetest.Ref(e), c.MessageID)
		s.Must(err)
		if got.Confidence < 0.9 {
			s.T.Errorf("confidence %v in an example", got.Confidence)
		}
		got.Confidence = 0
		s.Equal(
			got,
			intent.ClassifiedMessage{Text: "My parcel never came", Intent: "complaint", Version: 1, Journey: "cart", Step: "nudge"},
		)
		vars, err := s.Variables.View(
			s.Ctx,
			enginetest.Noon,
			enginetest.Ref(e),
			contract.EvalContext{StepEvents: map[string]string{"question": c.MessageID}},
		)
		s.Must(err)
		s.Equal(vars.Steps["question"]["text"], any("My parcel never came"))

		_, err = s.Intents.ReadMessage(s.Ctx, enginetest.Ref(e), s.writes("ben", "not ana"))
		s.WantError(err, sqldb.ErrNotFound)
		_, err = s.Intents.ReadMessage(s.Ctx, enginetest.Ref(e), "nobody-said-that")
		s.WantError(err, sqldb.ErrNotFound)
		s.End(e, "exited", enginetest.Noon)
		_, err = s.Intents.ReadMessage(s.Ctx, contract.Ref{Enrollment: e.ID, Chain: "another"}, c.MessageID)
		s.WantError(err, unit.ErrSuperseded)
	})
}

// A classifier of a newer build, or a damaged one, stops no message. It is reported once, and the next release replaces it.
func TestUnreadableClassifierStopsNothing(t *testing.T) {
	each(t, func(s *suite) {
		var said []string
		s.Engine.Intents.Notice = func(text string, err error) { said = append(said, err.Error()) }
		_, err := s.Catalog.Publish(
			s.Ctx,
			enginetest.Noon,
			contentWithExamples(map[string][]string{"complaint": {"der Brief kam nie"}, "purchase": {"ich nehme zwei"}}),
		)
		s.Must(err)
		spoil := func(what string) {
			_, err := s.Database.Writer.ExecContext(s.Ctx, what)
			s.Must(err)
			s.Engine.Intents.Mu.Lock()
			s.Engine.Intents.Reads = nil
			s.Engine.Intents.Mu.Unlock()
		}
		spoil(`update classifiers set model = 'bmV3ZXI=', digest = 'other'`)
		unheard := func() {
			s.T.Helper()
			id := s.writes("ana", "der Brief kam nie")
			if found, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from classifications where event = $1`, id); err != nil ||
				found {
				s.T.Errorf("the message was classified (%v)", err)
			}
			if kept, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from events where id = $1`, id); err != nil || !kept {
				s.T.Errorf("the message was lost (%v)", err)
			}
		}
		unheard()
		unheard()
		s.Equal(len(said), 1)
		if _, err := s.Intents.Classifier(s.Ctx); err == nil || errors.Is(err, sqldb.ErrNotFound) {
			s.T.Errorf("reading the classifier returned %v", err)
		}
		spoil(`update settings set value = '77' where key = 'classifier'`)
		unheard()
		s.Equal(len(said), 2)
		_, err = s.Catalog.Publish(s.Ctx, enginetest.Noon, contentWithExamples(shopTalk))
		s.Must(err)
		if intentName, _, _ := s.classification(s.writes("ana", "my parcel never came")); intentName != "complaint" {
			s.T.Errorf("after the next release the message was classified as %q", intentName)
		}
	})
}
