package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/training"
)

func intentsCommand(b app.Build) *cobra.Command {
	c := &cobra.Command{
		Use: "intents", Short: "Train, measure and explain what tells intent from words",
		Long: "What a customer writes (Message Received, property text) is classified when it comes in, as one of the intents or none " +
			"of them. A release trains the " +
			"classifier on the examples of its intents.yaml; one that is trained on a CSV and saved counts instead, until another is " +
			"saved.\n\n" +
			"A CSV has lines of text,intent; an empty intent is out of scope: none of the intents.",
	}
	c.AddCommand(intentsTrainCommand(b), intentsEvalCommand(b), intentsExplainCommand(b))
	return c
}

// lessonFlags say what a classifier is trained on.
type lessonFlags struct{ training.Material }

func (l *lessonFlags) register(c *cobra.Command, csv string) {
	f := c.Flags()
	f.StringVar(&l.Examples, "examples", "", "journeys folder whose intents' examples it is trained on")
	f.StringVar(&l.CSV, csv, "", "CSV of text,intent it is trained on")
	f.Uint64Var(&l.Seed, "seed", 1, "of what is done by chance; the same seed makes the same classifier")
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
		Use: "train", Short: "Train the classifier on a CSV or on examples, and measure it", Args: cobra.NoArgs,
		Long: "Trains on the texts of a CSV, or on the examples of a journeys folder (default: journeys). With --split that share of " +
			"each intent's texts is held out and " +
			"measured with; --save then trains on all of them. --save makes it the classifier that counts, in every process from its " +
			"next message on, without a restart: " +
			"one of a CSV until another is saved, one of examples until a release changes them.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if err := from.check(c, split); err != nil {
				return err
			}
			t, err := training.Train(c.ErrOrStderr(), from.Material, split, save)
			if err != nil {
				return err
			}
			if save {
				if t.Version, err = training.Save(c.Context(), c.ErrOrStderr(), &cfg, t); err != nil {
					return err
				}
			}
			return show(c, output, t, func(p *printer) { sayTrained(p, t) })
		},
	}
	from.register(c, "csv")
	c.Flags().Float64Var(&split, "split", 0, "share of the texts of each intent that is held out to measure with: 0.2; 0 measures nothing")
	c.Flags().BoolVar(&save, "save", false, "save it in the database as the one that counts")
	cfg.Register(c.Flags(), app.Storage)
	outputFlag(c, &output)
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
		Use: "eval --csv FILE", Short: "Measure the classifier with a CSV of texts and their intents", Args: cobra.NoArgs,
		Long: "Measures the classifier that counts in the database; with --split one that is trained on the rest of the file, with " +
			"--train one that is trained on another, " +
			"and with --examples one that is trained on those of a journeys folder.\n\n" +
			"Exit status: 0 measured, 1 less accurate than --at-least, 2 a file that cannot be read, 3 no database or no classifier in it.",
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
			t, err := training.Evaluate(c.Context(), c.ErrOrStderr(), &cfg, from.Material, file, split)
			if err != nil {
				return err
			}
			if err := show(c, output, t, func(p *printer) { sayTrained(p, t) }); err != nil {
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
	f.StringVar(&file, "csv", "", "texts to measure with: lines of text,intent")
	f.Float64Var(&split, "split", 0, "share of the file to measure with, of each intent; the classifier is trained on the rest")
	f.Float64Var(&atLeast, "at-least", 0, "accuracy in scope below which the exit status is 1")
	cfg.Register(f, app.Storage)
	outputFlag(c, &output)
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
		Use: "explain TEXT", Short: "Say what a text is taken for, and why; or a customer's intents and their evidence",
		Args: cobra.MaximumNArgs(1),
		Long: "Shows the intents a text is likest to, and the n-grams that spoke for and against the likeliest, by the classifier " +
			"that counts in the database, or by one that is " +
			"trained on a CSV or on the examples of a journeys folder. With --customer it lists a customer's intents instead, each " +
			"with the events that speak for it; both may be given.",
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
			e, err := training.Explain(c.Context(), c.ErrOrStderr(), &cfg, from.Material, args, customer)
			if err != nil {
				return err
			}
			return show(c, output, e, func(p *printer) { sayExplained(p, e) })
		},
	}
	from.register(c, "csv")
	c.Flags().StringVar(&customer, "customer", "", "whose intents to list, with their evidence")
	cfg.Register(c.Flags(), app.Storage)
	outputFlag(c, &output)
	return c
}

// check refuses a share that is none, and more than one thing to train on.
func (l *lessonFlags) check(c *cobra.Command, split float64) error {
	if !(split >= 0 && split < 1) {
		return app.Usage("--split is %v: give a share below 1, such as 0.2", split)
	}
	if l.Examples != "" && l.CSV != "" {
		return app.Usage("what to train on is given twice, by --examples and by a CSV; see %s --help", c.CommandPath())
	}
	return nil
}
