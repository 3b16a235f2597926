// Package eval measures the models of internal/decisioning/propensity: on tables of outcomes, and in a simulation whose
// truth is known. It is the engine of `tabi models`. The same data make the same figures.
package eval

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
)

// Table is a CSV file with a header line. A column whose values are all numbers is numeric; every other one is of
// names.
type Table struct {
	Columns []Column
	Rows    int
}

// Column holds one value per row.
type Column struct {
	Name    string
	Texts   []string
	Numbers []float64 // of a numeric column; NaN for a missing value
}

// Numeric reports whether all values are numbers.
func (c *Column) Numeric() bool { return c.Numbers != nil }

// ReadTable reads CSV, gzipped or not. Errors name the line.
func ReadTable(r io.Reader) (*Table, error) {
	in := bufio.NewReader(r)
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("not a gzip file: %w", err)
		}
		in = bufio.NewReader(z)
	}
	lines := csv.NewReader(in)
	head, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: its first line names the columns")
	}
	if err != nil {
		return nil, err
	}
	t := &Table{}
	for _, name := range head {
		t.Columns = append(t.Columns, Column{Name: strings.TrimPrefix(strings.TrimSpace(name), "\ufeff")})
	}
	for {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i := range t.Columns {
			t.Columns[i].Texts = append(t.Columns[i].Texts, strings.TrimSpace(line[i]))
		}
		t.Rows++
	}
	if t.Rows == 0 {
		return nil, errors.New("the file has no rows")
	}
	for i := range t.Columns {
		t.Columns[i].parse()
	}
	return t, nil
}

func (c *Column) parse() {
	numbers := make([]float64, len(c.Texts))
	known := false
	for i, s := range c.Texts {
		if s == "" {
			numbers[i] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return
		}
		numbers[i], known = v, true
	}
	if known {
		c.Numbers = numbers
	}
}

// Column returns a column by name; the error lists the names there are.
func (t *Table) Column(name string) (*Column, error) {
	var names []string
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i], nil
		}
		names = append(names, t.Columns[i].Name)
	}
	return nil, fmt.Errorf("there is no column %q; there are %s", name, strings.Join(names, ", "))
}

// Outcomes reads a column as yes or no, ignoring case: true, yes, y and numbers above 0 are yes; false, no, n, 0 and
// empty are no.
func (t *Table) Outcomes(name string) ([]bool, error) {
	c, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	out := make([]bool, t.Rows)
	for i, s := range c.Texts {
		switch strings.ToLower(s) {
		case "true", "yes", "y":
			out[i] = true
		case "false", "no", "n", "":
		default:
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, fmt.Errorf(
					"column %q, row %d: %q is neither yes nor no: give a column of true and false, or of numbers",
					name,
					i+1,
					s,
				)
			}
			out[i] = v > 0
		}
	}
	return out, nil
}

// Predictors returns all columns except these.
func (t *Table) Predictors(without ...string) ([]*Column, error) {
	for _, name := range without {
		if _, err := t.Column(name); err != nil {
			return nil, err
		}
	}
	var out []*Column
	for i := range t.Columns {
		if !slices.Contains(without, t.Columns[i].Name) {
			out = append(out, &t.Columns[i])
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no column is left to predict from")
	}
	return out, nil
}

// features returns a row as a model takes it.
func features(from []*Column, row int) propensity.Features {
	f := make(propensity.Features, len(from))
	for i, c := range from {
		f[i] = propensity.Symbol(c.Name, c.Texts[row])
		if c.Numeric() {
			f[i] = propensity.Number(c.Name, c.Numbers[row])
		}
	}
	return f
}
