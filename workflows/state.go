package workflows

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// seenLimit is how many delivery ids an enrollment remembers, to drop what is delivered twice.
const seenLimit = 256

// bufferLimit is how many events are buffered for later steps. See buffer.
const bufferLimit = 500

// Input is the input of a run: the contract's input, and after continue-as-new the state so far.
type Input struct {
	contract.Input
	Snapshot *Snapshot `json:"snapshot,omitempty"`
}

// Snapshot is the whole state of an enrollment. It passes from run to run over continue-as-new.
type Snapshot struct {
	Cursor   string              `json:"cursor,omitempty"` // step id; empty after the end of a path
	Vars     number.Object       `json:"vars,omitempty"`
	Steps    number.Objects      `json:"steps,omitempty"`    // results by step id, with the properties the journey reads
	Taken    map[string]string   `json:"taken,omitempty"`    // step id → id of the event it took
	Last     *contract.Delivery  `json:"last,omitempty"`     // the last event a step took
	Calls    map[string]string   `json:"calls,omitempty"`    // step id → key of the call whose response the store keeps
	Visits   map[string]int      `json:"visits,omitempty"`   // by step id
	Rerouted []string            `json:"rerouted,omitempty"` // reroute rules that have fired, by content
	Arrived  []contract.Delivery `json:"arrived,omitempty"`  // not yet handled
	Direct   []contract.Event    `json:"direct,omitempty"`   // signaled straight to the run, not yet stored
	Buffer   []Buffered          `json:"buffer,omitempty"`   // handled, and free for a step to take
	Seen     []string            `json:"seen,omitempty"`     // ids of the last deliveries handled, oldest first
	Deadline time.Time           `json:"deadline"`           // of the enrollment, virtual
	Wait     *WaitState          `json:"wait,omitempty"`     // where it waits; nil between two steps
	// LevelCrossing is when the next score falls below a level that counts, virtual.
	LevelCrossing  time.Time            `json:"level_crossing,omitzero"`
	Paused         bool                 `json:"paused,omitempty"`
	PausedBy       string               `json:"paused_by,omitempty"`        // in words
	Reports        int                  `json:"reports,omitempty"`          // sent so far
	Passed         []contract.StepVisit `json:"passed,omitempty"`           // not yet reported
	Count          int                  `json:"count,omitempty"`            // steps passed in all
	StepsSinceWait int                  `json:"steps_since_wait,omitempty"` // steps since it last slept
	Log            []string             `json:"log,omitempty"`              // the last lines of its story, for people
	LogCut         int                  `json:"log_cut,omitempty"`          // lines that the log had before those
	Dropped        map[string]int       `json:"dropped,omitempty"`          // events that were kept and did not fit, by name
	Acts           []contract.Act       `json:"acts,omitempty"`             // what people did by Temporal, not yet reported
	Silent         bool                 `json:"silent,omitempty"`           // its path has ended; only the goal is watched
	Ended          *contract.Ended      `json:"ended,omitempty"`            // set once
	Jump           *int                 `json:"-"`                          // index of the step to which a person or a rule moves it
	Moved          bool                 `json:"moved,omitempty"`            // it has just moved here from another revision
	Behind         *Behind              `json:"behind,omitempty"`           // until it has caught up with what happened since the entry
	// why the enrollment belongs to another run: it ends and reports nothing
	SupersededBy string `json:"superseded_by,omitempty"`
}

// Buffered is an event or a hand-off's result that is free for a step to take.
type Buffered struct {
	Delivery contract.Delivery `json:"delivery"`        // of an event or a hand-off's result
	Tried    string            `json:"tried,omitempty"` // key of the last wait_for whose arms it did not fit
	Old      bool              `json:"old,omitempty"`   // arrived before the last wait ended: only `since: entry` takes it
}

// WaitState is where an enrollment waits.
type WaitState struct {
	contract.Position
	Reported bool   `json:"reported,omitempty"` // the store knows it
	Asked    bool   `json:"asked,omitempty"`    // it waits for a reply: its question has been sent
	Retime   bool   `json:"retime,omitempty"`   // its end is to be computed again, from Since, as its step now says
	Key      string `json:"key,omitempty"`      // of the visit; it stays when a revision renames the step
	// Activity is the label of the step whose activity runs during the wait, which then does not continue as
	// new. Set by recordWait, read by checkMove: the enrollment cannot move to another revision meanwhile.
	Activity string `json:"-"`
}

// newSnapshot returns the state with which an enrollment begins.
func newSnapshot(in Input, p *journey.Program) *Snapshot {
	s := &Snapshot{
		Vars:     map[string]any{},
		Steps:    map[string]map[string]any{},
		Taken:    map[string]string{},
		Calls:    map[string]string{},
		Visits:   map[string]int{},
		Deadline: in.EnteredAt.Add(p.Timeout),
		Behind:   &Behind{From: in.EnteredAt},
	}
	for _, name := range workflow.DeterministicKeys(p.Vars) {
		s.Vars[name] = expr.ToPlain(p.Vars[name]) // a copy: the program is shared by all its enrollments
	}
	if start, ok := p.Start(journey.Main); ok && start != journey.End {
		s.Cursor = p.Steps[start].ID
	}
	if in.EntryEvent != "" {
		s.Seen = append(s.Seen, in.EntryEvent) // an enrollment does not see again the event it entered by
	}
	return s
}

// maxReported bounds a reported snapshot, in bytes. A larger one is not reported, and the last one stays: it is a state of
// the same enrollment, only an earlier one, and the events since then are delivered again.
const maxReported = 256 << 10

// reportedLog is how many lines of its log a reported snapshot keeps.
const reportedLog = 5

// reportable returns the state in which another run can continue from this wait, if this run is lost. It is the snapshot of
// continue-as-new, except that the other run reports the wait again, and so claims the enrollment. An activity in
// progress is lost with its run: the step begins again, at the same visit, so under the same key.
func (s *Snapshot) reportable() json.RawMessage {
	next := *s
	next.Log = next.Log[max(0, len(next.Log)-reportedLog):]
	next.Acts = nil // this report has them
	if s.Wait.Activity != "" && s.Visits[s.Cursor] > 0 {
		next.Wait, next.Visits = nil, maps.Clone(s.Visits)
		next.Visits[s.Cursor]--
	} else {
		wait := *s.Wait
		wait.Reported = false
		next.Wait = &wait
	}
	raw, err := json.Marshal(next)
	if err != nil || len(raw) > maxReported {
		return nil
	}
	return raw
}

// initMaps makes the maps that JSON left out, because they were empty when the enrollment continued as new.
func (s *Snapshot) initMaps() {
	if s.Vars == nil {
		s.Vars = map[string]any{}
	}
	if s.Steps == nil {
		s.Steps = map[string]map[string]any{}
	}
	if s.Taken == nil {
		s.Taken = map[string]string{}
	}
	if s.Calls == nil {
		s.Calls = map[string]string{}
	}
	if s.Visits == nil {
		s.Visits = map[string]int{}
	}
}

// saw reports whether a delivery was handled, or is still to be handled.
func (s *Snapshot) saw(id string) bool {
	if s.took(id) {
		return true
	}
	for _, d := range s.Arrived {
		if d.ID == id {
			return true
		}
	}
	return false
}

// took reports whether a delivery was handled.
func (s *Snapshot) took(id string) bool { return slices.Contains(s.Seen, id) }

// remember adds the id of a delivery that is being handled.
func (s *Snapshot) remember(id string) {
	s.Seen = append(s.Seen, id)
	if len(s.Seen) > seenLimit {
		s.Seen = s.Seen[len(s.Seen)-seenLimit:]
	}
}

// unbuffer removes and returns the buffered event at index i.
func (s *Snapshot) unbuffer(i int) contract.Delivery {
	d := s.Buffer[i].Delivery
	s.Buffer = append(s.Buffer[:i:i], s.Buffer[i+1:]...)
	return d
}

// markMessagesOld marks as old the messages that arrived before a question was sent: they are no replies to it.
func (s *Snapshot) markMessagesOld() {
	for i := range s.Buffer {
		if e := s.Buffer[i].Delivery.Event; e != nil && e.Name == journey.MessageReceived {
			s.Buffer[i].Old = true
		}
	}
}

// logLimit is how many lines of its log an enrollment shows.
const logLimit = 30

// log adds a line to the log that support staff read.
func (s *Snapshot) log(line string) {
	s.Log = append(s.Log, line)
	if cut := len(s.Log) - logLimit; cut > 0 {
		s.LogCut += cut
		s.Log = s.Log[cut:]
	}
}

// story returns the log, and what was left out of it and of the run.
func (s *Snapshot) story() []string {
	var lines []string
	if s.LogCut > 0 {
		lines = append(lines, fmt.Sprintf("(%d earlier lines are not kept)", s.LogCut))
	}
	lines = append(lines, s.Log...)
	if len(s.Dropped) > 0 {
		total, names := 0, []string(nil)
		for _, name := range workflow.DeterministicKeys(s.Dropped) {
			total += s.Dropped[name]
			names = append(names, fmt.Sprintf("%s (%d)", clip(name, 80), s.Dropped[name]))
		}
		lines = append(lines, clip(fmt.Sprintf(
			"%d events were kept for a later step and then dropped, because an enrollment keeps at most %d: %s",
			total, bufferLimit, strings.Join(names, ", ")), 500))
	}
	return lines
}
