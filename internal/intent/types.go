package intent

import "context"

// A TextClassifier returns which of the intents (sorted names) a customer's message is about, or "" for none, with a
// confidence of 0…1. It must have its own time limit. On an error the built-in classifier is used.
type TextClassifier func(ctx context.Context, text string, intents []string) (intentName string, confidence float64, err error)
