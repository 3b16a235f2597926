package designer

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/decisioning/eval"
	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func modelsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "models", Short: "Measure the models that decisions learn with, on your own data",
		Long: "Measures the adaptive models with which tabi learns which action a customer accepts: on a file of outcomes, on a " +
			"randomized trial, or in a simulation whose truth is known. Nothing is stored. docs/learning.md explains the models and " +
			"the measurements.",
	}
	c.AddCommand(modelsEvaluateCommand(), modelsUpliftCommand(), modelsPlotCommand())
	return c
}

func modelsEvaluateCommand() *cobra.Command {
	var target, output string
	var without []string
	var start propensity.Start
	var batch bool
	c := &cobra.Command{
		Use: "evaluate FILE", Short: "Stream a CSV file of outcomes through a model that predicts each row, then learns from it",
		Long: "Reads a CSV file (gzipped or not) with a header line, once and in order. The model predicts each row before it learns " +
			"from it, so that every prediction is of unseen data. For comparison a batch logistic regression is fitted in two ways: " +
			"refitted on the past after every twentieth of the rows, and in five folds.\n\n" +
			"A column whose values are all numbers is numeric; other columns are categories. The target is true or false, yes or no, or " +
			"a number; a number above 0 is yes.\n\n" +
			"Exit status: 0 success, 2 the file cannot be read or has no such column, or wrong usage.",
		Example: "  tabi models evaluate sessions.csv --target Revenue\n  tabi models evaluate sessions.csv --target Revenue " +
			"--without PageValues",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := readTable(args[0])
			if err != nil {
				return err
			}
			e, err := eval.Evaluate(t, target, without, start, batch)
			if err != nil {
				return app.Usage("%s: %w", args[0], err)
			}
			return terminal.Show(c, output, e, func(p *terminal.Printer) {
				p.Line("%s, %d of them yes (%.1f %%)\n", terminal.Several(e.Rows, "row"), e.Positives,
					100*float64(e.Positives)/float64(e.Rows))
				rows := []table.Row{
					scoreRow("adaptive, streamed once", &e.Adaptive), scoreRow("  its later half", &e.SecondHalf),
					scoreRow("logistic, refitted on the past", e.Refitted), scoreRow("logistic, five folds", e.Folded),
				}
				if e.Refitted == nil {
					rows = rows[:2]
				}
				p.Table(table.Row{"model", "AUROC", "log loss", "calibration error"}, rows)
				p.Line("\nThe model has %s and %d bytes. The best predictors, each alone:\n",
					terminal.Several(len(e.Predictors), "predictor"),
					e.Bytes)
				var tell []table.Row
				for _, one := range e.Predictors[:min(8, len(e.Predictors))] {
					tell = append(tell, table.Row{one.Name, fmt.Sprintf("%.3f", one.AUC), one.Bins})
				}
				p.Table(table.Row{"predictor", "AUC", "bins"}, tell)
			})
		},
	}
	c.Flags().StringVar(&target, "target", "", "the column to predict (required)")
	c.Flags().StringSliceVar(&without, "without", nil, "columns not to learn from, separated by commas")
	c.Flags().BoolVar(&batch, "batch", true, "also fit the batch logistic regressions")
	startFlags(c, &start, propensity.DefaultHalfLife)
	terminal.OutputFlag(c, &output)
	_ = c.MarkFlagRequired("target")
	return c
}

func scoreRow(name string, s *eval.Score) table.Row {
	if s == nil {
		return table.Row{name}
	}
	return table.Row{name, fmt.Sprintf("%.4f", s.AUROC), fmt.Sprintf("%.4f", s.LogLoss), fmt.Sprintf("%.4f", s.CalibrationError)}
}

func modelsUpliftCommand() *cobra.Command {
	var t eval.Trial
	var output string
	c := &cobra.Command{
		Use: "uplift FILE", Short: "Learn from a randomized trial which action suits which customer, and measure it on unseen customers",
		Long: "Reads a CSV file (gzipped or not) of customers, each of whom was given one action at random. One model per action learns " +
			"which customers respond to it. Each customer is then assigned the action with the highest chance of a response, or with " +
			"the highest value after its cost (chance × value − cost; doing nothing is free), by models that have not seen the " +
			"customer (folds). Both policies are compared with every single action for everybody, by self-normalized inverse-propensity " +
			"scoring with 95 % bootstrap intervals.\n\n" +
			"A trial has no time: nothing is forgotten unless --half-life is set.\n\n" +
			"Exit status: 0 success, 2 the file cannot be read or has no such column, or wrong usage.",
		Example: "  tabi models uplift hillstrom.csv.gz --action segment --outcome visit --none \"No E-Mail\" --without conversion,spend",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if t.Folds < 2 || t.Rounds < 0 {
				return app.Usage("--folds is %d and --rounds %d: give 2 or more folds, and 0 or more rounds", t.Folds, t.Rounds)
			}
			if t.Table, err = readTable(args[0]); err != nil {
				return err
			}
			r, err := t.Run()
			if err != nil {
				return app.Usage("%s: %w", args[0], err)
			}
			return terminal.Show(c, output, r, func(p *terminal.Printer) { printPolicies(p, r, t) })
		},
	}
	c.Flags().StringVar(&t.Action, "action", "", "the column with the action (required)")
	c.Flags().StringVar(&t.Outcome, "outcome", "", "the column with the outcome (required)")
	c.Flags().StringVar(&t.None, "none", "", "the action that means doing nothing, which costs nothing")
	c.Flags().StringSliceVar(&t.Without, "without", nil, "columns not to learn from, such as other outcomes; separated by commas")
	c.Flags().Float64Var(&t.Value, "value", 1, "value of a response")
	c.Flags().Float64Var(&t.Cost, "cost", 0.02, "cost of an action, in the unit of --value")
	c.Flags().IntVar(&t.Folds, "folds", 5, "number of folds, at least 2; models of the other folds decide for each fold")
	c.Flags().IntVar(&t.Rounds, "rounds", 1000, "rounds of the bootstrap; 0: no intervals")
	c.Flags().Uint64Var(&t.Seed, "seed", 1, "random seed of folds and bootstrap")
	startFlags(c, &t.Start, math.Inf(1))
	terminal.OutputFlag(c, &output)
	_, _ = c.MarkFlagRequired("action"), c.MarkFlagRequired("outcome")
	return c
}

func printPolicies(p *terminal.Printer, r *eval.Result, t eval.Trial) {
	p.Line("%s; value of a response %g, cost of an action %g\n", terminal.Several(r.Customers, "customer"), t.Value, t.Cost)
	var rows []table.Row
	for _, v := range r.Policies {
		row := table.Row{v.Policy, within(&v.Rate, "%.4f"), within(&v.Net, "%.4f"), "", ""}
		if v.RateGain != nil {
			row[3], row[4] = within(v.RateGain, "%+.4f"), within(v.NetGain, "%+.4f")
		}
		rows = append(rows, row)
	}
	p.Table(table.Row{"policy", "responses", "net value", "responses over the best", "net over the best"}, rows)
	p.Line("\nThe best single action is %q by responses and %q by net value.", r.BestRate, r.BestNet)
	for _, v := range r.Policies[len(r.Actions):] {
		line := fmt.Sprintf("%q chooses", v.Policy)
		for _, a := range r.Actions {
			line += fmt.Sprintf("  %s %.1f %%", cmp.Or(a, "(empty)"), 100*v.Share[a])
		}
		p.Line("%s", line)
	}
}

// within formats an estimate with its interval.
func within(i *eval.Interval, format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", i.Mean, i.Low, i.High)
}

func modelsPlotCommand() *cobra.Command {
	var out, output string
	var seed uint64
	c := &cobra.Command{
		Use: "plot", Short: "Run the models in a simulation whose truth is known, and draw the results",
		Long: "Simulates customers for the models: actions whose acceptance drifts, and one that appears midway. Draws regret, shares " +
			"of offers and calibration as SVG files.\n\n" +
			"Exit status: 0 success, 2 the folder cannot be written, or wrong usage.",
		Example: "  tabi models plot --out docs/images",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := eval.Simulate(eval.World{Seed: seed})
			for name, svg := range r.Plots() {
				file := filepath.Join(out, name)
				if err := os.WriteFile(file, svg, 0o644); err != nil {
					return app.Usage("cannot write %s: %w", file, err)
				}
			}
			return terminal.Show(c, output, r.Summary(), func(p *terminal.Printer) {
				s := r.Summary()
				p.Line(
					"%s; %.4f accepted, against %.4f with the best fixed policy",
					terminal.Several(s.Decisions, "decision"),
					s.Rate,
					s.BestFixed,
				)
				p.Line("regret: %.0f acceptances; it grows as decisions^%.2f (below 1 is sublinear)", s.Regret, s.Slope)
				p.Line(
					"the new action has %.1f %% of offers in its first twentieth of the simulation and %.1f %% in the last; a policy "+
						"that knows the truth would offer it in %.1f %%",
					100*s.NewFirst,
					100*s.NewLast,
					100*s.NewIdeal,
				)
				p.Line("calibration error after %s: %.4f", terminal.Several(s.Calibrated, "outcome"), s.CalibrationError)
			})
		},
	}
	c.Flags().StringVar(&out, "out", ".", "folder to write the drawings to")
	c.Flags().Uint64Var(&seed, "seed", 1, "random seed of the simulation")
	terminal.OutputFlag(c, &output)
	return c
}

func startFlags(c *cobra.Command, start *propensity.Start, halfLife float64) {
	c.Flags().Float64Var(&start.Propensity, "belief", 0.5, "starting belief, above 0 and below 1")
	c.Flags().
		Float64Var(&start.HalfLife, "half-life", halfLife, "number of later outcomes of the rarer kind after which an outcome counts "+
			"half; inf: nothing is forgotten")
}

func readTable(file string) (*eval.Table, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, app.Usage("cannot read %s: %w", file, err)
	}
	defer func() { _ = f.Close() }()
	t, err := eval.ReadTable(f)
	if err != nil {
		return nil, app.Usage("%s: %w", file, err)
	}
	return t, nil
}
