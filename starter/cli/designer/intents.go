package designer

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/training"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func intentsCommand(b app.Build) *cobra.Command {
	c := &cobra.Command{
		Use: "intents", Short: "Train, measure and explain the classifier of customers' messages",
		Long: "A message of a customer (property text of the event Message Received) is classified on arrival as one of the intents or " +
			"none of them. A release trains the classifier on the examples in its intents.yaml. A classifier that is trained on a CSV " +
			"file and saved is used instead, until another one is saved.\n\n" +
			"A CSV file has lines of text,intent. An empty intent means out of scope: none of the intents.",
	}
	c.AddCommand(intentsTrainCommand(b), intentsEvalCommand(b), intentsExplainCommand(b))
	return c
}

// lessonFlags are the flags that choose what a classifier is trained on.
type lessonFlags struct{ training.Material }

func (l *lessonFlags) register(c *cobra.Command, csv string) {
	f := c.Flags()
	f.StringVar(&l.Examples, "examples", "", "train on the examples of the intents in this journeys folder")
	f.StringVar(&l.CSV, csv, "", "train on this CSV file of text,intent")
	f.Uint64Var(&l.Seed, "seed", 1, "random seed; the same seed makes the same classifier")
}

func intentsTrainCommand(b app.Build) *cobra.Command {
	var (
		cfg    = app.Config{Build: b}
		from   = lessonFlags{training.Material{Build: b}}
		split  float64
		save   bool
		output string
	)
	c := &cobra.Command{
		Use: "train", Short: "Train the classifier on a CSV file or on examples, and measure it", Args: cobra.NoArgs,
		Long: "Trains on the texts of a CSV file, or on the examples of a journeys folder (default: journeys). --split holds out a share " +
			"of each intent's texts to measure with; with --save the saved classifier is then trained on all texts.\n\n" +
			"--save puts the classifier in use, in every process from its next message on, without a restart. A classifier of a CSV " +
			"file is used until another one is saved, a classifier of examples until a release changes the examples.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if err := from.check(c, split); err != nil {
				return err
			}
			t, err := training.Train(terminal.To(c.ErrOrStderr()), from.Material, split, save)
			if err != nil {
				return err
			}
			if save {
				if t.Version, err = training.Save(c.Context(), terminal.To(c.ErrOrStderr()), &cfg, t); err != nil {
					return err
				}
			}
			return terminal.Show(c, output, t, func(p *terminal.Printer) { sayTrained(p, t) })
		},
	}
	from.register(c, "csv")
	c.Flags().Float64Var(&split, "split", 0, "share of each intent's texts to hold out and measure with, such as 0.2; 0: do not measure")
	c.Flags().BoolVar(&save, "save", false, "save the classifier in the database and use it")
	cfg.Register(c.Flags(), app.Storage)
	terminal.OutputFlag(c, &output)
	return c
}

func intentsEvalCommand(b app.Build) *cobra.Command {
	var (
		cfg     = app.Config{Build: b}
		from    = lessonFlags{training.Material{Build: b}}
		file    string
		split   float64
		atLeast float64
		output  string
	)
	c := &cobra.Command{
		Use: "eval --csv FILE", Short: "Measure the classifier on a CSV file of texts and their intents", Args: cobra.NoArgs,
		Long: "Measures the classifier in use in the database. With --split it measures a classifier that is trained on the rest of the " +
			"file, with --train one that is trained on another file, and with --examples one that is trained on the examples of a " +
			"journeys folder.\n\n" +
			"Exit status: 0 measured, 1 less accurate than --at-least, 2 a file cannot be read, 3 no database, or no classifier in it.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if file == "" {
				return app.Usage("--csv is missing: give a file of text,intent")
			}
			if err := from.check(c, split); err != nil {
				return err
			}
			if split > 0 && from.Given() {
				return app.Usage("--split trains on the rest of the file: leave out --train and --examples")
			}
			t, err := training.Evaluate(c.Context(), terminal.To(c.ErrOrStderr()), &cfg, from.Material, file, split)
			if err != nil {
				return err
			}
			if err := terminal.Show(c, output, t, func(p *terminal.Printer) { sayTrained(p, t) }); err != nil {
				return err
			}
			if t.Report.Accuracy < atLeast {
				return app.Quiet(app.ExitBad)
			}
			return nil
		},
	}
	from.register(c, "train")
	f := c.Flags()
	f.StringVar(&file, "csv", "", "texts to measure with, as lines of text,intent (required)")
	f.Float64Var(&split, "split", 0, "share of each intent's texts to measure with; the classifier is trained on the rest")
	f.Float64Var(&atLeast, "at-least", 0, "exit with status 1 if the in-scope accuracy is below this (0 to 1)")
	cfg.Register(f, app.Storage)
	terminal.OutputFlag(c, &output)
	return c
}

func intentsExplainCommand(b app.Build) *cobra.Command {
	var (
		cfg      = app.Config{Build: b}
		from     = lessonFlags{training.Material{Build: b}}
		customer string
		output   string
	)
	c := &cobra.Command{
		Use: "explain [TEXT]", Short: "Explain how a text is classified, or list a customer's intents with their evidence",
		Args: cobra.MaximumNArgs(1),
		Long: "Shows the most likely intents of a text, and the n-grams that counted for and against the most likely one. It uses the " +
			"classifier in use in the database, or one that is trained on a CSV file or on the examples of a journeys folder.\n\n" +
			"--customer lists a customer's intents, each with the events that are evidence for it. It can be combined with a text.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if err := from.check(c, 0); err != nil {
				return err
			}
			if len(args) == 0 && customer == "" {
				return app.Usage(`a text is missing: write tabi intents explain "what somebody wrote"; or give --customer`)
			}
			e, err := training.Explain(c.Context(), terminal.To(c.ErrOrStderr()), &cfg, from.Material, args, customer)
			if err != nil {
				return err
			}
			return terminal.Show(c, output, e, func(p *terminal.Printer) { sayExplained(p, e) })
		},
	}
	from.register(c, "csv")
	c.Flags().StringVar(&customer, "customer", "", "id of the customer whose intents to list")
	cfg.Register(c.Flags(), app.Storage)
	terminal.OutputFlag(c, &output)
	return c
}

// check refuses a share outside [0, 1) and more than one source of texts to train on.
func (l *lessonFlags) check(c *cobra.Command, split float64) error {
	if !(split >= 0 && split < 1) {
		return app.Usage("--split is %v: give a share below 1, such as 0.2", split)
	}
	if l.Examples != "" && l.CSV != "" {
		return app.Usage("--examples and a CSV file to train on cannot be combined; see %s --help", c.CommandPath())
	}
	return nil
}
