package simulate

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

type junitSuites struct {
	XMLName  xml.Name      `xml:"testsuites"`
	Name     string        `xml:"name,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Errors   int           `xml:"errors,attr"`
	Time     string        `xml:"time,attr"`
	Suites   []*junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	File     string      `xml:"file,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
	took     time.Duration
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",cdata"`
}

// JUnit writes results as JUnit XML: a suite per file, a case per scenario.
func JUnit(w io.Writer, results []Result, source Sources) error {
	all := junitSuites{Name: "tabi test"}
	byFile := map[string]*junitSuite{}
	var took time.Duration
	for _, r := range results {
		s := byFile[r.File]
		if s == nil {
			s = &junitSuite{Name: r.Journey, File: r.File}
			byFile[r.File] = s
			all.Suites = append(all.Suites, s)
		}
		c := junitCase{Name: clean(r.Name), Class: r.Journey, File: r.File, Line: r.Place.Line, Time: inSeconds(r.Duration)}
		for _, rule := range r.Assumed {
			c.Out += clean("consent assumed: " + rule + ", which nobody gave; live it is NO_CONSENT\n")
		}
		if !r.Passed {
			var text strings.Builder
			if err := r.PrintFailures(&text, source, false); err != nil {
				return err
			}
			c.Failure = &junitFailure{Message: clean(r.Failures[0].Words()), Type: r.Failures[0].code(), Text: clean(text.String())}
			s.Failures++
			all.Failures++
		}
		s.Cases = append(s.Cases, c)
		s.Tests++
		all.Tests++
		s.took += r.Duration
		took += r.Duration
	}
	for _, s := range all.Suites {
		s.Time = inSeconds(s.took)
	}
	all.Time = inSeconds(took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// clean drops what XML cannot carry.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 {
			return r
		}
		return -1
	}, text)
}
