package api

import (
	"net/http"
	"strconv"
	"time"
)

// Table is an answer that is also served as CSV, with format=csv.
type Table interface {
	// Table returns the rows, the head first.
	Table() [][]string
}

// ReactionNumbers count sends with a reaction. Rate is their share of all sends, by Wilson's method.
type ReactionNumbers struct {
	Count int64    `json:"count"`
	Rate  Interval `json:"rate"`
}

// ConversionNumbers count sends whose enrollment reached the journey's goal in the window after the send.
type ConversionNumbers struct {
	Count    int64    `json:"count"`
	Rate     Interval `json:"rate" doc:"of sends"`
	Sends    int64    `json:"sends" doc:"of journeys with a goal, whose window is over"`
	Maturing int64    `json:"maturing" doc:"sends of journeys with a goal whose window is not over"`
	Value    float64  `json:"value" doc:"of the goals"`
}

// ResultNumbers say what came of some sends. A send counts once for each reaction.
type ResultNumbers struct {
	Name       string            `json:"name" doc:"of the message, channel, language, tone, variant, journey, or the day (UTC)"`
	Sent       int64             `json:"sent"`
	Delivered  ReactionNumbers   `json:"delivered" doc:"as far as the provider reports it"`
	Opened     ReactionNumbers   `json:"opened"`
	Clicked    ReactionNumbers   `json:"clicked"`
	Replied    ReactionNumbers   `json:"replied"`
	Bounced    ReactionNumbers   `json:"bounced"`
	Complained ReactionNumbers   `json:"complained"`
	OptedOut   ReactionNumbers   `json:"opted_out"`
	Converted  ConversionNumbers `json:"converted"`
	Unknown    int64             `json:"unknown" doc:"of sent: nobody knows whether they went out"`
	Suppressed int64             `json:"suppressed" doc:"not sent, by the contact policy"`
	Failed     int64             `json:"failed" doc:"not sent, by a failure"`
}

// ResultPeriod says which sends are counted.
type ResultPeriod struct {
	At     time.Time `json:"at" doc:"virtual"`
	Since  time.Time `json:"since,omitzero"`
	Window int64     `json:"window" doc:"of conversions after a send, in seconds of virtual time"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// MessageList has the results of all messages.
type MessageList struct {
	ResultPeriod
	Total    ResultNumbers   `json:"total"`
	Messages []ResultNumbers `json:"messages" doc:"the most sent first; those of the release that were not sent too"`
}

// ChannelNumbers are the results of a channel, with its days.
type ChannelNumbers struct {
	ResultNumbers
	Days []ResultNumbers `json:"days"`
}

// ChannelList has the results of all channels.
type ChannelList struct {
	ResultPeriod
	Channels []ChannelNumbers `json:"channels"`
}

// ControlComparison compares the sends of a message in a journey with the journey's control group over the same window, which begins at the
// mean delay between entry and send.
type ControlComparison struct {
	Journey    string   `json:"journey"`
	Delay      int64    `json:"delay" doc:"mean time from entry to send, in seconds of virtual time"`
	Sends      int64    `json:"sends" doc:"whose window is over"`
	Rate       Interval `json:"rate"`
	HeldOut    int64    `json:"held_out" doc:"enrollments of the control group that were still open at that moment"`
	Converted  int64    `json:"held_out_converted"`
	Control    Interval `json:"control" doc:"the rate of the control group"`
	Difference Interval `json:"difference" doc:"of the rates, sends less control group, by Newcombe's method"`
	Verdict    string   `json:"verdict" enum:"higher,lower,not_enough_yet"`
}

// MessageResults has the results of a message. Each list has parts of the same sends.
type MessageResults struct {
	ResultPeriod
	Message   string              `json:"message"`
	Total     ResultNumbers       `json:"total"`
	Channels  []ResultNumbers     `json:"channels"`
	Languages []ResultNumbers     `json:"languages" doc:"'' is the message's own"`
	Tones     []ResultNumbers     `json:"tones" doc:"'' is the plain one"`
	Variants  []ResultNumbers     `json:"variants" doc:"step: arm, of the splits that the customers had passed"`
	Journeys  []ResultNumbers     `json:"journeys" doc:"'' is what channels showed by POST /v1/decide"`
	Days      []ResultNumbers     `json:"days"`
	Controls  []ControlComparison `json:"controls" doc:"by journey with a control group"`
}

// SplitResults compare the arms of a journey's splits with each other and with the control group, by the goal.
type SplitResults struct {
	At      time.Time      `json:"at" doc:"virtual"`
	Journey string         `json:"journey"`
	Goal    bool           `json:"goal" doc:"without one there is nothing to compare by"`
	HeldOut GroupNumbers   `json:"held_out"`
	Splits  []SplitNumbers `json:"splits"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// SplitNumbers are the results of a split.
type SplitNumbers struct {
	Step    string          `json:"step"`
	Reached int64           `json:"reached" doc:"treated customers whose window is over and who came to the split"`
	Of      int64           `json:"of" doc:"treated customers whose window is over"`
	Arms    []ArmNumbers    `json:"arms" doc:"in the order of the file"`
	Pairs   []ArmComparison `json:"pairs" doc:"each two arms that have customers"`
}

// ArmNumbers are the results of an arm, by customer.
type ArmNumbers struct {
	Arm string `json:"arm"`
	GroupNumbers
	Control *Interval `json:"control,omitempty" doc:"difference of the rates, arm less control group"`
	Verdict string    `json:"verdict,omitempty" enum:"higher,lower,not_enough_yet" doc:"against the control group"`
}

// ArmComparison compares two arms.
type ArmComparison struct {
	Arm        string   `json:"arm"`
	Other      string   `json:"other"`
	Difference Interval `json:"difference" doc:"of the rates, arm less other, by Newcombe's method"`
	Verdict    string   `json:"verdict" enum:"higher,lower,not_enough_yet"`
	Needed     int64    `json:"needed,omitempty" doc:"customers in each arm to tell a difference as large as the one seen, 80 % power"`
}

// Verdicts of comparisons.
const (
	Higher       = "higher"         // the interval of the difference is above 0
	Lower        = "lower"          // it is below 0
	NotEnoughYet = "not_enough_yet" // it contains 0
)

// Verdict returns the verdict of a difference.
func Verdict(d Interval) string {
	switch {
	case d.Low > 0:
		return Higher
	case d.High < 0:
		return Lower
	}
	return NotEnoughYet
}

type (
	// ResultsFilter is the input of ListMessages and ListChannels.
	ResultsFilter struct {
		Since  string `query:"since" doc:"a duration of virtual time before now, or all; default 30d"`
		Window string `query:"window" doc:"how long after a send a goal counts; default 7d"`
		Format string `query:"format" enum:"json,csv" doc:"csv: one row for each part; default json"`
	}
	// MessageName is the input of GetMessageResults.
	MessageName struct {
		Name string `path:"name" maxLength:"255" doc:"of the message"`
		ResultsFilter
	}
	// SplitsInput is the input of GetSplitResults.
	SplitsInput struct {
		Name   string `path:"name" maxLength:"255" doc:"of the journey"`
		Format string `query:"format" enum:"json,csv" doc:"csv: one row for each arm; default json"`
	}
)

// The endpoints of results.
var (
	ListMessages = Endpoint[ResultsFilter, MessageList]{
		ID: "listMessages", Method: http.MethodGet, Path: "/v1/admin/results/messages",
		Summary: "Count what came of each message",
	}
	GetMessageResults = Endpoint[MessageName, MessageResults]{
		ID: "getMessageResults", Method: http.MethodGet, Path: "/v1/admin/results/messages/{name}", Errors: []int{http.StatusNotFound},
		Summary: "Count what came of a message, by channel, language, tone, variant, journey and day, beside the control group",
	}
	ListChannels = Endpoint[ResultsFilter, ChannelList]{
		ID: "listChannels", Method: http.MethodGet, Path: "/v1/admin/results/channels",
		Summary: "Count what came of the sends on each channel, by day",
	}
	GetSplitResults = Endpoint[SplitsInput, SplitResults]{
		ID: "getSplitResults", Method: http.MethodGet, Path: "/v1/admin/results/journeys/{name}/splits", Errors: []int{http.StatusNotFound},
		Summary: "Compare the arms of a journey's splits with each other and with the control group",
	}
)

// resultHead are the columns of numbers in CSV.
var resultHead = []string{
	"sent", "delivered", "delivered_rate", "delivered_low", "delivered_high", "opened", "opened_rate", "opened_low", "opened_high",
	"clicked", "clicked_rate", "clicked_low", "clicked_high", "replied", "replied_rate", "replied_low", "replied_high",
	"bounced", "bounced_rate", "bounced_low", "bounced_high", "complained", "complained_rate", "complained_low", "complained_high",
	"opted_out", "opted_out_rate", "opted_out_low", "opted_out_high", "converted", "converted_rate", "converted_low", "converted_high",
	"converted_of", "maturing", "value", "unknown", "suppressed", "failed",
}

func (n ResultNumbers) row(first ...string) []string {
	out := append(first, whole(n.Sent))
	for _, r := range []ReactionNumbers{n.Delivered, n.Opened, n.Clicked, n.Replied, n.Bounced, n.Complained, n.OptedOut,
		{Count: n.Converted.Count, Rate: n.Converted.Rate}} {
		out = append(append(out, whole(r.Count)), r.Rate.cells()...)
	}
	return append(out, whole(n.Converted.Sends), whole(n.Converted.Maturing), decimal(n.Converted.Value), whole(n.Unknown),
		whole(n.Suppressed), whole(n.Failed))
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func (i Interval) cells() []string {
	round := func(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
	return []string{round(i.Estimate), round(i.Low), round(i.High)}
}

func table(head []string, lists ...[][]string) [][]string {
	out := [][]string{head}
	for _, rows := range lists {
		out = append(out, rows...)
	}
	return out
}

func parts(by string, list []ResultNumbers, first ...string) [][]string {
	var out [][]string
	for _, n := range list {
		out = append(out, n.row(append(append([]string{}, first...), by, n.Name)...))
	}
	return out
}

// Table implements Table.
func (l MessageList) Table() [][]string {
	return table(append([]string{"by", "name"}, resultHead...), parts("message", l.Messages), parts("total", []ResultNumbers{l.Total}))
}

// Table implements Table.
func (l ChannelList) Table() [][]string {
	out := table(append([]string{"channel", "by", "name"}, resultHead...))
	for _, c := range l.Channels {
		out = append(out, parts("channel", []ResultNumbers{c.ResultNumbers}, c.Name)...)
		out = append(out, parts("day", c.Days, c.Name)...)
	}
	return out
}

// Table implements Table.
func (m MessageResults) Table() [][]string {
	return table(append([]string{"by", "name"}, resultHead...), parts("total", []ResultNumbers{m.Total}), parts("channel", m.Channels),
		parts("language", m.Languages), parts("tone", m.Tones), parts("variant", m.Variants), parts("journey", m.Journeys),
		parts("day", m.Days))
}

// Table implements Table.
func (s SplitResults) Table() [][]string {
	out := [][]string{{"split", "arm", "customers", "converted", "rate", "low", "high", "maturing", "value", "control_difference",
		"control_low", "control_high", "control_verdict", "other", "difference", "difference_low", "difference_high", "verdict"}}
	row := func(step, arm string, g GroupNumbers) []string {
		return append(append([]string{step, arm, whole(g.Customers), whole(g.Converted)}, g.Rate.cells()...), whole(g.Maturing),
			decimal(g.Value))
	}
	none := []string{"", "", "", ""}
	for _, split := range s.Splits {
		for _, arm := range split.Arms {
			first := append(row(split.Step, arm.Arm, arm.GroupNumbers), none...)
			if arm.Control != nil {
				first = append(append(first[:len(first)-4], arm.Control.cells()...), arm.Verdict)
			}
			pairs := 0
			for _, p := range split.Pairs {
				if p.Arm == arm.Arm {
					out = append(out, append(append(append(append([]string{}, first...), p.Other), p.Difference.cells()...), p.Verdict))
					pairs++
				}
			}
			if pairs == 0 {
				out = append(out, append(append(first, ""), none...))
			}
		}
		out = append(out, append(append(append(row(split.Step, "control group", s.HeldOut), none...), ""), none...))
	}
	return out
}
