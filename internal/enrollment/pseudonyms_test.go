package enrollment_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// foundBy returns the ids of the enrollments that somebody finds by a workflow id.
func foundBy(s *enginetest.Suite, workflowID string) (ids []string) {
	s.T.Helper()
	found, err := s.Enrollments.List(s.Ctx, enrollment.Filter{WorkflowID: workflowID})
	s.Must(err)
	for _, e := range found {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestPseudonyms: neither the workflow id nor a search attribute names the customer or the key, and people find the enrollment by both.
func TestPseudonyms(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Pseudonyms = true
		s.Publish(enginetest.Carts(enginetest.Keyed))
		e := s.Enter("ana@example.com", enginetest.Props{"cart_id": "order 7"})
		require.NotContains(s.T, e.WorkflowID, "ana")
		require.NotContains(s.T, e.WorkflowID, "order")
		require.True(s.T, strings.HasPrefix(e.WorkflowID, "cart/"), e.WorkflowID)
		for key, value := range relay.StartOptions(e).TypedSearchAttributes.GetUntypedValues() {
			require.NotContains(s.T, value, "ana", key.GetName())
		}
		for _, given := range []string{e.WorkflowID, "cart/ana@example.com/order%207", "cart/ana%40example.com/order 7"} {
			require.Equal(s.T, []string{e.ID}, foundBy(s, given), given)
		}
		s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, "cart/ana@example.com/order 7",
			contract.Command{Kind: contract.PauseUpdate, By: "mia"}))
		require.True(s.T, s.Enrollment(e.ID).Paused)
		letters, err := s.Outbox.DeadLetters(s.Ctx, outbox.DeadLetterFilter{WorkflowID: "cart/ana@example.com/order 7"})
		s.Must(err)
		require.Empty(s.T, letters)

		other := s.Enter("ben", enginetest.Props{"cart_id": "order 7"})
		require.NotEqual(s.T, strings.Split(e.WorkflowID, "/")[2], strings.Split(other.WorkflowID, "/")[2], "equal keys do not look equal")
		require.Empty(s.T, foundBy(s, "cart/nobody/order 7"))
	})
}

// TestPseudonymsOfMergedIDs: whoever knows any id of a customer finds the enrollments of all of them.
func TestPseudonymsOfMergedIDs(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Pseudonyms = true
		s.Publish(enginetest.Carts(enginetest.Keyed))
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"first_name": "Ana"}))
		got := s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: "v1", AnonymousID: "v", Event: "Cart Updated",
			Properties: enginetest.Props{"cart_id": "7"}})
		e := s.OpenAt(got[0].Entered[0])
		s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "identify", MessageID: "v2", UserID: "ana", AnonymousID: "v"})
		s.Drain()
		require.Equal(s.T, "ana", s.Enrollment(e.ID).Customer)
		for _, given := range []string{"cart/ana/7", "cart/anon:v/7", e.WorkflowID} {
			require.Equal(s.T, []string{e.ID}, foundBy(s, given), given)
		}
	})
}

// TestPseudonymsAreTurnedOnAndOff: open enrollments keep their workflow ids, entries are decided as before, and people find both kinds.
func TestPseudonymsAreTurnedOnAndOff(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(enginetest.Carts(enginetest.Keyed))
		cart, update := enginetest.Props{"cart_id": "7"}, func() []string {
			s.T.Helper()
			return s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": "7"}))[0].Entered
		}
		before := s.Enter("ana", cart)
		require.Equal(s.T, "cart/ana/7", before.WorkflowID)

		s.Units.Pseudonyms = true
		require.Empty(s.T, update(), "one is open, whatever its workflow id")
		s.Drain()
		require.Equal(s.T, "cart/ana/7", s.Enrollment(before.ID).WorkflowID)
		s.End(before, contract.Goal, enginetest.Noon.Add(time.Hour))
		during := s.Enter("ana", cart)
		_, hidden := journey.PseudonymIn(during.WorkflowID)
		require.True(s.T, hidden, during.WorkflowID)
		require.ElementsMatch(s.T, []string{before.ID, during.ID}, foundBy(s, "cart/ana/7"))

		s.Units.Pseudonyms = false
		require.Empty(s.T, update(), "one is open, whatever its workflow id")
		s.Drain()
		s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, "cart/ana/7", contract.Command{Kind: contract.PauseUpdate, By: "mia"}))
		require.True(s.T, s.Enrollment(during.ID).Paused)
		s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, "cart/ana/7", contract.Command{Kind: contract.ResumeUpdate, By: "mia"}))
		s.Drain()
		s.End(during, contract.Goal, enginetest.Noon.Add(2*time.Hour))
		after := s.Enter("ana", cart)
		require.Equal(s.T, "cart/ana/7", after.WorkflowID)
		require.Len(s.T, foundBy(s, "cart/ana/7"), 3)
	})
}

// TestPseudonymsKeepNumbers: what people call an enrollment is unique among the open ones, also where some have a pseudonym.
func TestPseudonymsKeepNumbers(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(enginetest.Carts(enginetest.Reentry(journey.ReentryAlways, 0)))
		s.Units.Pseudonyms = true
		first := s.Enter("ana", nil)
		s.Units.Pseudonyms = false
		second := s.Enter("ana", nil)
		require.Equal(s.T, "cart/ana#2", second.WorkflowID)
		s.Units.Pseudonyms = true
		third := s.Enter("ana", nil)
		require.True(s.T, strings.HasSuffix(third.WorkflowID, "#3"), third.WorkflowID)
		for name, e := range map[string]unit.Enrollment{"cart/ana": first, "cart/ana#2": second, "cart/ana#3": third} {
			require.Equal(s.T, []string{e.ID}, foundBy(s, name))
			s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, name, contract.Command{Kind: contract.PauseUpdate}))
			require.True(s.T, s.Enrollment(e.ID).Paused, name)
		}
	})
}
