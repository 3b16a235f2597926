package activities

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Reply matches a message of the customer against the replies of a question, in order: the intent it was classified
// as when it arrived, a pattern found in its text, or anything. A message that names another journey or step is no
// reply. The text is returned only if the journey reads it.
func (a *Activities) Reply(ctx context.Context, in contract.Reply) (contract.ReplyResult, error) {
	none := contract.ReplyResult{Arm: -1}
	heard, err := a.cfg.Rooms.Intents.ReadMessage(ctx, in.Ref, in.Event)
	switch {
	case errors.Is(err, sqldb.ErrNotFound):
		return none, nil
	case err != nil:
		return none, asSupersededError(err)
	case heard.Journey != "" && heard.Journey != in.Journey, heard.Step != "" && heard.Step != in.Step:
		return none, nil
	}
	for i, arm := range in.Arms {
		fits, err := armMatches(arm, heard)
		if err != nil {
			return none, invalidInput(fmt.Sprintf("step %s, arm %d of replies: %v", in.Step, i+1, err))
		}
		if !fits {
			continue
		}
		result := contract.ReplyResult{Arm: i, Intent: heard.Intent, Confidence: heard.Confidence}
		if in.Text {
			result.Text = heard.Text
		}
		return result, nil
	}
	return none, nil
}

// armMatches reports whether a message matches an arm.
func armMatches(arm journey.ReplyArm, heard intent.ClassifiedMessage) (bool, error) {
	switch {
	case arm.Intent != "":
		return heard.Intent == arm.Intent, nil
	case arm.Matches != "":
		pattern, err := regexp.Compile(arm.Matches) // lint has compiled it too
		if err != nil {
			return false, err
		}
		return pattern.MatchString(heard.Text), nil
	}
	return arm.Any, nil
}
