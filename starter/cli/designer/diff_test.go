package designer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/comparison"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// Without an old side, what is live stands for it: the revisions, and the rules of the current release.
func TestDiffLiveComparesRules(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.GetStepCounts.Path {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(api.StepCounts{
			Release: 7,
			Rules:   &journey.Rules{Intents: map[string]*journey.Intent{"purchase": {Name: "purchase", HalfLife: time.Hour}}},
		})
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nudge.yaml":   "journey: nudge\nentry: {event: Start}\nsteps:\n  - {id: answer, wait_for: {event: A}, timeout: 1h}\n",
		"intents.yaml": "intents:\n  purchase:\n    half_life: 2h\n    evidence: [{event: Product Viewed, weight: 1}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to, err := comparison.ReadSide(t.Context(), app.Build{}, dir, dir)
	if err != nil || len(to.Errors) > 0 {
		t.Fatal(err, to.Errors)
	}
	r := comparison.Comparison{To: to, NoBase: true}
	r.New = "journeys"
	cfg := app.Config{TemporalAddr: "127.0.0.1:1"}
	if _, err := r.Ask(t.Context(), &remote.Client{Client: apiclient.Client{URL: server.URL}}, &cfg, nil); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	printComparison(terminal.To(&said), &r)
	for _, want := range []string{"release 7 → journeys\n", "intent purchase: used for every enrollment from its next decision on\n  ~ " +
		"half_life: 1h → 2h\n"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, said.String())
		}
	}
}
