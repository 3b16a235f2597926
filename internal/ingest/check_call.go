package ingest

import (
	"errors"
	"fmt"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// clean makes the texts of a call such that both databases accept them.
func clean(c *customer.SegmentCall) {
	for _, field := range []*string{&c.MessageID, &c.UserID, &c.AnonymousID, &c.PreviousID, &c.Event, &c.Source} {
		*field = sqldb.Clean(*field)
	}
}

// checkIDs refuses a call with a control character in an id, whichever way it came: it could take over the terminal of an operator, or
// look like another id.
func checkIDs(c *customer.SegmentCall) error {
	for _, f := range []struct{ name, text string }{{"messageId", c.MessageID}, {"userId", c.UserID}, {"anonymousId", c.AnonymousID},
		{"previousId", c.PreviousID}, {"groupId", groupID(c)}} {
		if event.Control(f.text) {
			return fmt.Errorf("%s contains a control character, which no id has", f.name)
		}
	}
	return nil
}

// maxOwnID is the maximum length, in bytes, of a message id that tabi makes: it has the parts of what the event is about.
const maxOwnID = 1000

// checkCall refuses a call that cannot be stored, whichever way it came: a database or Temporal would refuse it at every try.
func checkCall(c *customer.SegmentCall) error {
	switch c.Type {
	case "track", "identify", "page", "screen", "alias", "group":
	default:
		return fmt.Errorf("type %q is none of track, identify, page, screen, alias, group", c.Type)
	}
	if err := c.Placeholder(); err != nil {
		return err
	}
	for _, id := range []string{c.UserID, c.PreviousID} {
		if unit.IsPseudonym(id) {
			return fmt.Errorf("%q begins as the names do that tabi gives to forgotten customers", id)
		}
	}
	if c.Trust == customer.Untrusted && c.AnonymousID == "" {
		return errors.New("userId is not proven, and there is no anonymousId")
	}
	message := event.MaxID
	if event.Reserved(c.MessageID) {
		message = maxOwnID
	}
	customer := event.MaxID + len(event.AnonymousPrefix)
	for _, f := range []struct {
		name, text string
		most       int
	}{{"messageId", c.MessageID, message}, {"userId", c.UserID, customer}, {"anonymousId", c.AnonymousID, event.MaxID},
		{"previousId", c.PreviousID, customer}, {"event", c.Event, event.MaxName}} {
		if len(f.text) > f.most {
			return fmt.Errorf("%s has %d bytes; at most %d can be stored", f.name, len(f.text), f.most)
		}
	}
	switch {
	case c.MessageID == "":
		return errors.New("messageId is missing")
	case c.Subject() == "":
		return errors.New("userId and anonymousId are missing: give one")
	case c.Type == "track" && c.Event == "" && c.Enter == "":
		return errors.New("event is missing: name it")
	case c.Type == "alias" && c.PreviousID == "" && (c.UserID == "" || c.AnonymousID == ""):
		return errors.New("previousId is missing: say who becomes userId")
	case c.Type == "group" && groupID(c) == "":
		return errors.New("groupId is missing")
	}
	return nil
}

func groupID(c *customer.SegmentCall) string {
	for _, name := range []string{"groupId", "group_id"} {
		if id, _ := c.Properties[name].(string); id != "" {
			return id
		}
	}
	return ""
}
