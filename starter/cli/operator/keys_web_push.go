package operator

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/webpush"
)

func keysWebPushCommand() *cobra.Command {
	return &cobra.Command{
		Use: "web-push", Short: "Make the key pair of web push",
		Long: "Make the key pair by which push services know the sender (VAPID). The private key is a setting of gateways and workers; " +
			"the gateway gives the public one to pages. Browsers that subscribed with another key get nothing: keep it.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			key, err := webpush.NewKey()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s=%s\npublic key: %s\n", webpush.KeyVariable, key.Private, key.Public)
			return err
		},
	}
}
