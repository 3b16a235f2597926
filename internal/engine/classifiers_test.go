package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	words "github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// intending is a release whose intents have examples.
func intending(examples map[string][]string, journeys ...*journey.Definition) *journey.Content {
	c := content(journeys, reminder())
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

// took returns the classification of a message.
func (s *suite) took(event string) (intentName string, confidence float64, version int) {
	s.T.Helper()
	s.must(
		s.Database.Reader.QueryRowContext(s.ctx, `select intent, confidence, version from classifications where event = $1`, event).
			Scan(&intentName, &confidence, &version),
	)
	return intentName, confidence, version
}

func (s *suite) says(customerID, text string) string {
	s.T.Helper()
	c := s.track(customerID, journey.MessageReceived, props{"text": text})
	s.ingest(noon, c)
	return c.MessageID
}

func TestMessagesAreClassified(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Catalog.Publish(s.ctx, noon, intending(shopTalk))
		s.must(err)
		for text, want := range map[string]string{
			"My parcel never came!": "complaint", "二度と買いません。": "complaint", "I would like to order": "purchase", "zzzz qqqq": "",
			"": "unclassified", "…": "",
		} {
			id := s.says("ana", text)
			if want == "unclassified" {
				if found, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from classifications where event = $1`, id); err != nil ||
					found {
					s.T.Errorf("a message without text was classified (%v)", err)
				}
				continue
			}
			got, confidence, version := s.took(id)
			if got != want || version != 1 || (got != "") != (confidence > 0) {
				s.T.Errorf("%q was taken for %q (%.2f, version %d), want %q", text, got, confidence, version, want)
			}
		}
	})
}

// Two processes: what one publishes or saves counts in the other from its next message on.
func TestClassifiersAreSwappedEverywhere(t *testing.T) {
	each(t, func(s *suite) {
		other := second(s)
		say := func(st *Engine, text string) (string, int) {
			s.T.Helper()
			c := s.track("ben", journey.MessageReceived, props{"text": text})
			if _, err := st.Intake.Ingest(s.ctx, noon, []customer.SegmentCall{c}); err != nil {
				s.T.Fatal(err)
			}
			intentName, _, version := s.took(c.MessageID)
			return intentName, version
		}
		expect := func(st *Engine, text, want string, version int) {
			s.T.Helper()
			if got, v := say(st, text); got != want || v != version {
				s.T.Fatalf("%q was taken for %q by version %d, want %q by %d", text, got, v, want, version)
			}
		}
		_, err := s.Catalog.Publish(s.ctx, noon, intending(shopTalk))
		s.must(err)
		expect(other, "my parcel never came", "complaint", 1)
		changed := map[string][]string{"complaint": {"the colour is wrong"}, "purchase": shopTalk["purchase"]}
		_, err = s.Catalog.Publish(s.ctx, noon, intending(changed))
		s.must(err)
		expect(other, "the colour is wrong", "complaint", 2)
		m, err := words.Train(
			[]words.Example{{Text: "the colour is wrong", Intent: "purchase"}, {Text: "hello there", Intent: "greeting"}},
			words.Options{},
		)
		s.must(err)
		version, err := other.Intents.SaveClassifier(s.ctx, noon, intent.FromCSV, "by-hand", m, map[string]any{"accuracy": 1})
		s.must(err)
		s.same(version, 3)
		expect(s.Engine, "the colour is wrong", "purchase", 3)
		expect(s.Engine, "hello there", "", 3) // greeting is no intent of the release
		_, err = s.Catalog.Publish(s.ctx, noon, intending(shopTalk))
		s.must(err)
		expect(other, "the colour is wrong", "purchase", 3) // saved by hand, it stays
		c, err := s.Intents.Classifier(s.ctx)
		s.must(err)
		if c.Source != intent.FromCSV || string(c.Metrics) != `{"accuracy":1}` || !c.At.Equal(noon) {
			s.T.Errorf("got %+v", c)
		}
	})
}

// second is another store on the same database.
func second(s *suite) *Engine {
	s.T.Helper()
	other, err := Open(s.ctx, Options{URL: s.url})
	s.must(err)
	s.T.Cleanup(func() {
		if err := other.Close(); err != nil {
			s.T.Error(err)
		}
	})
	return other
}

func TestNoExamplesNoClassifier(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Catalog.Publish(s.ctx, noon, intending(shopTalk))
		s.must(err)
		_, err = s.Catalog.Publish(s.ctx, noon, intending(map[string][]string{"complaint": nil}))
		s.must(err)
		_, err = s.Intents.Classifier(s.ctx)
		s.refused(err, sqldb.ErrNotFound)
		id := s.says("ana", "my parcel never came")
		if found, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from classifications where event = $1`, id); err != nil || found {
			s.T.Errorf("it was classified without a classifier (%v)", err)
		}
	})
}

// What is configured is asked first; where it fails, or names what is no intent, the built-in classifier is.
func TestTheConfiguredClassifierIsAskedFirst(t *testing.T) {
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
		_, err := s.Catalog.Publish(s.ctx, noon, intending(shopTalk))
		s.must(err)
		for _, c := range []struct {
			text, want string
			version    int
		}{{"my parcel never came", "purchase", 0}, {"I would like to order", "purchase", 1}, {"down", "", 1}, {"二度と買いません", "", 0}} {
			got, confidence, version := s.took(s.says("ana", c.text))
			if got != c.want || version != c.version || confidence > 1 {
				s.T.Errorf("%q was taken for %q (%v, version %d), want %q, %d", c.text, got, confidence, version, c.want, c.version)
			}
		}
	})
}

func TestWhatIsHeardIsReadOnBehalfOfAnInstance(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Catalog.Publish(s.ctx, noon, intending(shopTalk, cart()))
		s.must(err)
		e := s.enters("ana", props{"cart_id": "k1"})
		c := s.track("ana", journey.MessageReceived, props{"text": "My parcel never came", "journey": "cart", "step": "nudge"})
		s.ingest(noon, c)
		got, err := s.Intents.ReadMessage(s.ctx, ref(e), c.MessageID)
		s.must(err)
		if got.Confidence < 0.9 {
			s.T.Errorf("confidence %v in an example", got.Confidence)
		}
		got.Confidence = 0
		s.same(got, intent.ClassifiedMessage{Text: "My parcel never came", Intent: "complaint", Version: 1, Journey: "cart", Step: "nudge"})
		vars, err := s.Variables.View(s.ctx, noon, ref(e), contract.EvalContext{StepEvents: map[string]string{"question": c.MessageID}})
		s.must(err)
		s.same(vars.Steps["question"]["text"], any("My parcel never came"))

		_, err = s.Intents.ReadMessage(s.ctx, ref(e), s.says("ben", "not ana"))
		s.refused(err, sqldb.ErrNotFound)
		_, err = s.Intents.ReadMessage(s.ctx, ref(e), "nobody-said-that")
		s.refused(err, sqldb.ErrNotFound)
		s.ends(e, "exited", noon)
		_, err = s.Intents.ReadMessage(s.ctx, contract.Ref{Enrollment: e.ID, Chain: "another"}, c.MessageID)
		s.refused(err, unit.ErrSuperseded)
	})
}

// A classifier of a newer build, or one that is damaged, stops no message; it is said once, and the next one counts.
func TestAnUnreadableClassifierStopsNothing(t *testing.T) {
	each(t, func(s *suite) {
		var said []string
		s.Engine.Intents.Notice = func(text string, err error) { said = append(said, err.Error()) }
		_, err := s.Catalog.Publish(
			s.ctx,
			noon,
			intending(map[string][]string{"complaint": {"der Brief kam nie"}, "purchase": {"ich nehme zwei"}}),
		)
		s.must(err)
		spoil := func(what string) {
			_, err := s.Database.Writer.ExecContext(s.ctx, what)
			s.must(err)
			s.Engine.Intents.Mu.Lock()
			s.Engine.Intents.Reads = nil
			s.Engine.Intents.Mu.Unlock()
		}
		spoil(`update classifiers set model = 'bmV3ZXI=', digest = 'other'`)
		unheard := func() {
			s.T.Helper()
			id := s.says("ana", "der Brief kam nie")
			if found, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from classifications where event = $1`, id); err != nil ||
				found {
				s.T.Errorf("it was classified (%v)", err)
			}
			if kept, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from events where id = $1`, id); err != nil || !kept {
				s.T.Errorf("the message was lost (%v)", err)
			}
		}
		unheard()
		unheard()
		s.same(len(said), 1)
		if _, err := s.Intents.Classifier(s.ctx); err == nil || errors.Is(err, sqldb.ErrNotFound) {
			s.T.Errorf("whoever asks for it is told %v", err)
		}
		spoil(`update settings set value = '77' where key = 'classifier'`)
		unheard()
		s.same(len(said), 2)
		_, err = s.Catalog.Publish(s.ctx, noon, intending(shopTalk))
		s.must(err)
		if intentName, _, _ := s.took(s.says("ana", "my parcel never came")); intentName != "complaint" {
			s.T.Errorf("after the next release it was taken for %q", intentName)
		}
	})
}
