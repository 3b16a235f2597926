package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Result is one figure. Where it has rounds, Ratio is the median over rounds of the ratio within each round, and
// Interval is an interval for it.
type Result struct {
	Part     string    `json:"part"`
	Server   string    `json:"server,omitempty"` // dev or postgres; empty: none
	Name     string    `json:"name"`
	Value    float64   `json:"value"` // median over rounds, where there are rounds
	Unit     string    `json:"unit"`
	Ratio    float64   `json:"ratio,omitempty"`
	RatioTo  string    `json:"ratio_to,omitempty"`
	Interval *Interval `json:"interval,omitempty"` // of the ratio
	Rounds   []float64 `json:"rounds,omitempty"`   // the value of each round
}

// Report is the content of bench.json.
type Report struct {
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"`
	Commands []string          `json:"commands"`
	Seconds  float64           `json:"seconds"` // duration of the run
	Notes    []string          `json:"notes,omitempty"`
	Results  []Result          `json:"results"`
}

// section collects the figures of one part on one server.
type section struct {
	book         *Report
	part, server string
}

// put adds a figure that is compared with nothing.
func (s *section) put(name string, value float64, unit string) {
	s.add(Result{Name: name, Value: value, Unit: unit})
}

// putRatio adds a figure and its ratio to another one, each measured once.
func (s *section) putRatio(name string, value float64, unit string, to string, base float64) {
	r := Result{Name: name, Value: value, Unit: unit, RatioTo: to}
	if base != 0 {
		r.Ratio = value / base
	}
	s.add(r)
}

// putRounds adds the median of rounds.
func (s *section) putRounds(name string, values []float64, unit string) {
	s.add(Result{Name: name, Value: median(values), Unit: unit, Rounds: values})
}

// putComparison adds the median of rounds, and the paired ratio to another figure.
//
// The method: in each round both sides run one after the other, a minute apart at most, and the ratio is taken within
// the round. What disturbs the machine for longer than a round (another tenant, a slow disk, heat) slows both sides
// alike and cancels out of the ratio, though not out of the figures themselves. The result is the median of these
// ratios with a distribution-free interval (see interval). The ratio of the medians would be wrong: it pairs a value
// of a quiet round with one of a busy round. With seven rounds, an interval that excludes 1 means that the sides
// differ; one that includes 1 means that the run did not show it, not that they are equal.
//
// For example, tabi 30, 28, 14 and plain 15, 14, 7 journeys/s in three rounds (the third with a backup running) is a
// ratio of 2.00 in each, though tabi's figure varies by half.
func (s *section) putComparison(name string, values []float64, unit, to string, base []float64) {
	r := ratios(values, base)
	s.add(Result{Name: name, Value: median(values), Unit: unit, Ratio: median(r), RatioTo: to, Interval: interval(r), Rounds: values})
}

func (s *section) add(r Result) {
	r.Part, r.Server = s.part, s.server
	s.book.Results = append(s.book.Results, r)
}

// print prints the figures as a table.
func (b *Report) print(w io.Writer) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "value", Align: text.AlignRight}, {Name: "ratio", Align: text.AlignRight}})
	t.AppendHeader(table.Row{"part", "server", "figure", "value", "unit", "ratio", "to", "interval"})
	part := ""
	for _, r := range b.Results {
		if where := r.Part + r.Server; where != part {
			if part != "" {
				t.AppendSeparator()
			}
			part = where
		}
		ratio, between := "", ""
		if r.Ratio != 0 {
			ratio = fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.Interval != nil {
			between = fmt.Sprintf("%.2f – %.2f", r.Interval.Low, r.Interval.High)
		}
		t.AppendRow(table.Row{r.Part, r.Server, r.Name, figure(r.Value), r.Unit, ratio, r.RatioTo, between})
	}
	t.Render()
}

// figure formats a number with three significant digits.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e15:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// save writes bench.json.
func (b *Report) save(path string) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
