package enrollment_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestPseudonyms: neither the workflow id nor a search attribute names the customer or the key, people find the enrollment by both,
// and another database makes other pseudonyms.
func TestPseudonyms(t *testing.T) {
	t.Parallel()
	var made []string
	for range 2 {
		e, err := engine.Open(t.Context(), engine.Options{
			URL: filepath.Join(t.TempDir(), "tabi.db"), Channels: enginetest.Channels, Pseudonyms: true})
		require.NoError(t, err)
		t.Cleanup(func() { _ = e.Close() })
		s := &enginetest.Suite{T: t, Engine: e, Ctx: t.Context()}
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed)})
		got := s.Ingest(enginetest.Noon, s.Track("ana@example.com", "Cart Updated", enginetest.Props{"cart_id": "order 7"}))
		require.Len(t, got[0].Entered, 1)
		id := got[0].Entered[0]
		require.NotContains(t, id, "ana")
		require.NotContains(t, id, "order")
		require.True(t, strings.HasPrefix(id, "cart"), id)
		made = append(made, id)

		for _, given := range []string{id, "cart/ana@example.com/order%207", "cart/ana%40example.com/order 7"} {
			found, err := s.Enrollments.List(s.Ctx, enrollment.Filter{WorkflowID: given})
			require.NoError(t, err)
			require.Len(t, found, 1, given)
			require.Equal(t, "ana@example.com", found[0].Customer)
			attributes := relay.StartOptions(found[0]).TypedSearchAttributes
			for key, value := range attributes.GetUntypedValues() {
				require.NotContains(t, value, "ana", key.GetName())
			}
		}
		require.NoError(t, s.Enrollments.Command(s.Ctx, enginetest.Noon, "cart/ana@example.com/order 7",
			contract.Command{Kind: contract.PauseUpdate, By: "mia"}))
		letters, err := s.Outbox.DeadLetters(s.Ctx, outbox.DeadLetterFilter{WorkflowID: "cart/ana@example.com/order 7"})
		require.NoError(t, err)
		require.Empty(t, letters)
	}
	require.NotEqual(t, made[0], made[1])
}
