package intent

import "context"

// TextClassifier says which of the intents, sorted, a customer's message is about: none of them is empty; the
// confidence is from 0 to 1. It keeps to a time limit of its own. On an error the built-in classifier is asked.
type TextClassifier func(ctx context.Context, text string, intents []string) (intentName string, confidence float64, err error)
