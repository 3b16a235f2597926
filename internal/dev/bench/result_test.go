package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func filled() *Report {
	b := &Report{Versions: map[string]string{"go": "x"}, Commands: []string{"go run ./internal/dev/bench"}}
	s := &section{book: b, part: "journeys", server: "dev"}
	s.putComparison("tabi", []float64{10, 12, 14, 16, 18}, "journeys/s", "plain", []float64{5, 5, 5, 5, 5})
	s.putRatio("tabi", 14, "history events", "tuned", 0)
	(&section{book: b, part: "growth"}).put("memory", 1234.5, "MiB")
	return b
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	filled().print(&out)
	for _, want := range []string{
		"│ journeys │ dev    │ tabi   │    14 │ journeys/s     │  2.80 │ plain │ 2.00 – 3.60 │",
		"│ growth   │        │ memory │  1234 │ MiB            │       │       │             │",
		"│ journeys │ dev    │ tabi   │    14 │ history events │       │ tuned │             │",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks\n%s\nin\n%s", want, &out)
		}
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := filled().save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	first := got.Results[0]
	if first.Value != 14 || first.Unit != "journeys/s" || first.RatioTo != "plain" || first.Interval == nil || first.Interval.Low != 2 ||
		first.Server != "dev" {
		t.Errorf("%+v", first)
	}
	if got.Results[1].Ratio != 0 {
		t.Errorf("a ratio to nothing is %v", got.Results[1].Ratio)
	}
}

func TestFigure(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{3: "3", 1234.5: "1234", 12.34: "12.3", 0.128: "0.13", 12345678: "12345678"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %s, want %s", v, got, want)
		}
	}
}
