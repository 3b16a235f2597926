package remote

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
)

// completeTimeout bounds the question to the gateway (wall time). A shell waits for it.
const completeTimeout = 2 * time.Second

// completions is the number of names that are read at most.
const completions = 200

// Complete completes the first argument by names that the gateway has. It completes nothing where that does not answer.
func (r *Client) Complete(names func(context.Context, *Client) ([]string, error)) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return r.names(c, typed, names)
	}
}

// CompleteFlag completes the value of a flag in the same way.
func (r *Client) CompleteFlag(c *cobra.Command, flag string, names func(context.Context, *Client) ([]string, error)) {
	if err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return r.names(c, typed, names)
	}); err != nil {
		panic(err)
	}
}

func (r *Client) names(c *cobra.Command, typed string, names func(context.Context, *Client) ([]string, error)) ([]string,
	cobra.ShellCompDirective) {
	if r.Load(c) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeTimeout)
	defer cancel()
	r.HTTP.Timeout = completeTimeout
	all, err := names(ctx, r)
	if err != nil {
		all = nil
	}
	return Matching(all, typed), cobra.ShellCompDirectiveNoFileComp
}

// Matching returns the names that begin with what was typed, sorted, once each.
func Matching(names []string, typed string) []string {
	var out []string
	for _, name := range names {
		if name != "" && strings.HasPrefix(name, typed) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Journeys are the names of the journeys that are released or have open enrollments.
func Journeys(ctx context.Context, r *Client) ([]string, error) {
	got, err := api.GetStepCounts.Call(ctx, r, api.JourneyFilter{})
	var out []string
	for _, j := range got.Journeys {
		out = append(out, j.Journey)
	}
	return out, err
}

// Groups are the groups of the released actions.
func Groups(ctx context.Context, r *Client) ([]string, error) {
	got, err := api.GetStepCounts.Call(ctx, r, api.JourneyFilter{})
	var out []string
	if got.Rules != nil {
		for _, a := range got.Rules.Actions {
			out = append(out, a.Group)
		}
	}
	return out, err
}

// Actions are the released actions.
func Actions(ctx context.Context, r *Client) ([]string, error) {
	got, err := api.GetStepCounts.Call(ctx, r, api.JourneyFilter{})
	var out []string
	if got.Rules != nil {
		for name := range got.Rules.Actions {
			out = append(out, name)
		}
	}
	return out, err
}

// WorkflowIDs returns a question for the workflow ids of the latest enrollments in a state; empty: in any.
func WorkflowIDs(state string) func(context.Context, *Client) ([]string, error) {
	return func(ctx context.Context, r *Client) ([]string, error) {
		got, err := api.ListEnrollments.Call(ctx, r, api.EnrollmentFilter{State: state, Limit: completions})
		var out []string
		for _, e := range got.Enrollments {
			out = append(out, Address(e))
		}
		return out, err
	}
}

// Customers are the customers of the latest enrollments.
func Customers(ctx context.Context, r *Client) ([]string, error) {
	got, err := api.ListEnrollments.Call(ctx, r, api.EnrollmentFilter{Limit: completions})
	var out []string
	for _, e := range got.Enrollments {
		out = append(out, e.Customer)
	}
	return out, err
}

// DeadLetters are the workflow ids of dead letters.
func DeadLetters(ctx context.Context, r *Client) ([]string, error) {
	got, err := api.ListDeadLetters.Call(ctx, r, api.DeadLetterFilter{Limit: completions})
	var out []string
	for _, d := range got.DeadLetters {
		out = append(out, d.WorkflowID)
	}
	return out, err
}

// JourneyFiles completes the first argument by the journeys of the folder that the flag --dir names, or of journeys.
func JourneyFiles(b app.Build) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		dir := "journeys"
		if f := c.Flags().Lookup("dir"); f != nil {
			dir = f.Value.String()
		}
		files, err := app.ReadFolder(dir)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var names []string
		content, _ := b.Check(files)
		if content != nil {
			for name := range content.Journeys {
				names = append(names, name)
			}
		}
		return Matching(names, typed), cobra.ShellCompDirectiveDefault // or the path of a file
	}
}
