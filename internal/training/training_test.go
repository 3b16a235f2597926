package training_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/training"
)

const orders = `text,intent
where is my order,status
has my order left yet,status
when does my order come,status
tell me where the order is,status
cancel it at once,cancel
please cancel my subscription,cancel
I want to cancel,cancel
cancel everything,cancel
how are you today,
`

// file writes a file of texts and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "texts.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// config returns settings with a new SQLite database.
func config(t *testing.T) *app.Config {
	t.Helper()
	return &app.Config{DataDir: t.TempDir()}
}

func TestTrainMeasuresOnHeldOutTexts(t *testing.T) {
	t.Parallel()
	from := training.Material{CSV: file(t, orders), Seed: 1}
	whole, err := training.Train(nil, from, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Texts != 9 || whole.Intents != 2 || whole.Report != nil || whole.Source != "csv" || whole.Bytes == 0 {
		t.Errorf("without a split: %+v", whole)
	}
	part, err := training.Train(nil, from, 0.25, false)
	if err != nil {
		t.Fatal(err)
	}
	if part.Report == nil || part.Report.Texts == 0 || part.Texts+part.Report.Texts != 9 {
		t.Errorf("with a split: %+v, report %+v", part, part.Report)
	}
	saved, err := training.Train(nil, from, 0.25, true)
	if err != nil {
		t.Fatal(err)
	}
	if saved.Texts != 9 || saved.Report == nil {
		t.Errorf("to be saved: trained on %d texts, report %+v", saved.Texts, saved.Report)
	}
}

func TestColumnsAreFoundByName(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	swapped := file(t, "Label,Text\nstatus,\"where is my order, please\"\ncancel,cancel it at once\n")
	trained, err := training.Evaluate(t.Context(), nil, cfg, training.Material{CSV: file(t, orders), Seed: 1}, swapped, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r := trained.Report; r.Texts != 2 || r.InScope != 2 || r.Accuracy != 1 || trained.UnknownIntents != 0 {
		t.Errorf("report %+v, unknown %d", r, trained.UnknownIntents)
	}
}

func TestEvaluateCountsTextsOfUnknownIntents(t *testing.T) {
	t.Parallel()
	other := file(t, "text,intent\nis it going to rain,weather\nwhere is my order,status\n")
	trained, err := training.Evaluate(t.Context(), nil, config(t), training.Material{CSV: file(t, orders), Seed: 1}, other, 0)
	if err != nil {
		t.Fatal(err)
	}
	if trained.UnknownIntents != 1 || trained.Report.Accuracy != 0.5 {
		t.Errorf("unknown %d, accuracy %v", trained.UnknownIntents, trained.Report.Accuracy)
	}
}

// A saved classifier is the one that Evaluate and Explain use without material. Save warns of intents of the release that
// it cannot recognize.
func TestSavedClassifierIsUsed(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	st, err := cfg.OpenStore(t.Context(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	content := &journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}, Rules: journey.Rules{
		Intents: map[string]*journey.Intent{
			"complaint": {Name: "complaint", HalfLife: time.Hour, Examples: []string{"my parcel never came", "this is a scandal"}},
		},
	}}
	if _, err := st.Catalog.Publish(t.Context(), time.Now(), content); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	trained, err := training.Train(nil, training.Material{CSV: file(t, orders), Seed: 1}, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	var warning bytes.Buffer
	version, err := training.Save(t.Context(), &warning, cfg, trained)
	if err != nil {
		t.Fatal(err)
	}
	if version != 2 || !strings.Contains(warning.String(), "complaint") { // the release trained version 1
		t.Errorf("version %d, warning %q", version, &warning)
	}
	used, err := training.Evaluate(t.Context(), nil, cfg, training.Material{}, file(t, orders), 0)
	if err != nil {
		t.Fatal(err)
	}
	if used.Version != 2 || used.Source != "csv" || used.Report.Accuracy != 1 {
		t.Errorf("version %d of %s, accuracy %v", used.Version, used.Source, used.Report.Accuracy)
	}
	e, err := training.Explain(t.Context(), nil, cfg, training.Material{}, []string{"cancel it at once"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if e.Text == nil || e.Text.Intent != "cancel" || !e.Text.Example || len(e.Text.For) == 0 {
		t.Errorf("explained as %+v", e.Text)
	}
}

func TestErrorsHaveTheirExitStatus(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	train := func(content string) error {
		_, err := training.Train(nil, training.Material{CSV: file(t, content)}, 0, false)
		return err
	}
	missing := filepath.Join(t.TempDir(), "nowhere.csv")
	_, unread := training.Train(nil, training.Material{CSV: missing}, 0, false)
	_, none := training.Evaluate(t.Context(), nil, cfg, training.Material{}, file(t, orders), 0)
	_, stranger := training.Explain(t.Context(), nil, cfg, training.Material{}, nil, "ana")
	for _, c := range []struct {
		name, says string
		err        error
		code       int
	}{
		{"no such file", "cannot read", unread, app.ExitUsage},
		{"no texts", "has no texts", train("text,intent\n"), app.ExitUsage},
		{"a line without an intent", ":2: a line needs a text and an intent", train("fine,good\nalone\n"), app.ExitUsage},
		{"an intent without words", `intent "odd"`, train("fine words,good\n?!,odd\n"), app.ExitBad},
		{"no classifier", "there is no classifier", none, app.ExitUnreachable},
		{"no such customer", "there is no customer ana", stranger, app.ExitBad},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) || app.ExitCode(c.err) != c.code {
			t.Errorf("%s: %v (exit status %d), want %q (%d)", c.name, c.err, app.ExitCode(c.err), c.says, c.code)
		}
	}
}
