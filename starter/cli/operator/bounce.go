package operator

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/bounce"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// recipientVariables are those in which mail servers name whom a mail is for to the program that they pipe it to.
var recipientVariables = []string{"ORIGINAL_RECIPIENT", "RECIPIENT"}

func bounceCommand() *cobra.Command {
	var (
		r          remote.Client
		recipients []string
		output     string
	)
	c := &cobra.Command{
		Use: "bounce < MAIL", Short: "Hand a mail about a mail to tabi: a bounce, or a complaint",
		Long: "Reads one mail from standard input and posts it to the gateway, which makes events of it: Email Bounced, with its class, " +
			"and Email Marked as Spam. It is for the pipe of a mail server, at the address of TABI_BOUNCE_ADDRESS. Whom the mail was " +
			"sent to proves which one it is about: it is taken from --recipient, from ORIGINAL_RECIPIENT and RECIPIENT (Postfix, " +
			"Exim and qmail set them), and from the mail.\n\n" +
			"Exit status, as mail servers know it: 0 the mail is dealt with; 65 it is no bounce, or does not prove that it is about a " +
			"mail of tabi; 75 the gateway cannot take it now, or a setting is wrong: the server tries again.",
		Example: "  tabi bounce < mail\n" +
			`  echo '|/usr/local/bin/tabi bounce' > ~bounces/.forward   # Postfix, Exim, qmail`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return later(errors.New("tabi bounce takes no argument: the mail comes from standard input"))
			}
			if err := r.Load(c); err != nil {
				return later(err)
			}
			raw, err := io.ReadAll(io.LimitReader(c.InOrStdin(), bounce.MaxMail))
			if err == nil {
				_, err = io.Copy(io.Discard, c.InOrStdin()) // a server whose pipe closes early takes that for a failure
			}
			if err != nil {
				return later(err)
			}
			for _, name := range recipientVariables {
				if value := os.Getenv(name); value != "" && !slices.Contains(recipients, value) {
					recipients = append(recipients, value)
				}
			}
			path := "/v1/mail/bounces?" + url.Values{"recipient": recipients}.Encode()
			var out api.MailEventsResponse
			if err := r.Post(c.Context(), path, "message/rfc822", raw, &out); err != nil {
				var refused *apiclient.Refusal
				if errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity {
					return &app.ExitError{Code: app.ExitMailRefused, Err: err}
				}
				return later(err)
			}
			return terminal.Show(c, output, out, func(p *terminal.Printer) {
				p.Line("%s stored", terminal.Several(out.Accepted, "event"))
				for _, one := range out.Ignored {
					p.Line("ignored: %s", one.Reason)
				}
				for _, one := range out.Rejected {
					p.Line("refused: %s", one.Message)
				}
				for _, w := range out.Warnings {
					p.Line("! %s", w)
				}
			})
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return later(err) })
	c.Flags().StringArrayVar(&recipients, "recipient", nil,
		"address that the mail was sent to, as the mail server knows it; may be repeated")
	r.Register(c, true, false)
	terminal.OutputFlag(c, &output)
	return c
}

// later returns an error after which a mail server keeps the mail: it is not the mail's fault.
func later(err error) error {
	return &app.ExitError{Code: app.ExitMailLater, Err: errors.New(err.Error())}
}
