package eval

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"
)

// Learning works: the regret grows slower than the decisions, the action that appears midway gets its chance,
// and what is foretold comes true.
func TestLearningWorks(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 4} {
		s := Simulate(World{Seed: seed}).Summary()
		if !(s.Slope < 0.9) {
			t.Errorf("seed %d: regret grows as decisions^%.2f", seed, s.Slope)
		}
		if s.Rate < 0.85*s.BestFixed {
			t.Errorf("seed %d: %.4f accepted, the best fixed policy has %.4f", seed, s.Rate, s.BestFixed)
		}
		if s.NewFirst >= s.NewLast || s.NewLast < s.NewIdeal/2 {
			t.Errorf("seed %d: the new action has %.3f of offers, then %.3f; ideal is %.3f", seed, s.NewFirst, s.NewLast, s.NewIdeal)
		}
		if s.Calibrated != 20000 || s.CalibrationError >= 0.02 {
			t.Errorf("seed %d: calibration error %.4f after %d outcomes", seed, s.CalibrationError, s.Calibrated)
		}
	}
}

// The same seed makes the same drawings, and they are well-formed.
func TestPlots(t *testing.T) {
	t.Parallel()
	w := World{Seed: 3, Decisions: 4000}
	one, two := Simulate(w).Plots(), Simulate(w).Plots()
	if len(one) != 3 {
		t.Fatalf("%d drawings", len(one))
	}
	for name, svg := range one {
		if !bytes.Equal(svg, two[name]) {
			t.Errorf("%s differs from run to run", name)
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s has what is no number", name)
		}
	}
}
