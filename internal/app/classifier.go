package app

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/httpclassifier"
	"github.com/tabi-journeys/tabi/internal/intent"
)

// classifier returns the client of the classifier that is asked before the built-in one; nil if none is configured.
func (c *Config) classifier() (*httpclassifier.Client, error) {
	if c.Classifier.URL == "" {
		return nil, nil
	}
	o := c.Classifier
	o.Version, o.Now = Version, clock.Wall
	if o.Timeout < 0 {
		return nil, Usage("--classifier-timeout is %v: give a time above 0", o.Timeout)
	}
	client, err := httpclassifier.New(o)
	if err != nil {
		return nil, Usage("--classifier-url (TABI_CLASSIFIER_URL): %w", err)
	}
	return client, nil
}

// asked logs every failure of the configured classifier, after which the built-in one is used. The text is not logged.
func asked(client *httpclassifier.Client, log *zap.Logger) intent.TextClassifier {
	if client == nil {
		return nil
	}
	return func(ctx context.Context, text string, intents []string) (string, float64, error) {
		intent, confidence, err := client.Classify(ctx, text, intents)
		if err != nil && ctx.Err() == nil && !errors.Is(err, httpclassifier.ErrResting) {
			log.Warn("the configured classifier failed; using the built-in one", zap.Error(err))
		}
		return intent, confidence, err
	}
}
