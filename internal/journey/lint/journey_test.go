package lint_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
)

func TestCartCompiles(t *testing.T) {
	t.Parallel()
	d := journeytest.MustCheck(t, "cart-recovery", journeytest.Cart, map[string]string{"cart-reminder": journeytest.Reminder})
	p, err := journey.NewProgram(d)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("SHOW") != "" {
		out, _ := json.MarshalIndent(d, "", " ")
		t.Logf("%s\n%+v %+v", out, p.Reads(), p.Listens())
	}
	packed, err := journey.Pack(d)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := journey.Load(packed, d.Revision())
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := loaded.Index("main.3.1.1"); !ok || loaded.Steps[i].Kind != "set" {
		t.Errorf("step main.3.1.1 is %d, %v", i, ok)
	}
	if _, err := journey.Load(packed, "000000000000"); err == nil {
		t.Error("a wrong revision is accepted")
	}
}
