package codec_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/keyring"
)

const master = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// ring returns a key store with a master key.
func ring(t *testing.T) *keyring.Room {
	t.Helper()
	m, err := keyring.ParseMasters([]string{master})
	require.NoError(t, err)
	s := enginetest.New(t, ":memory:")
	s.Ingest(enginetest.Noon, s.Identify("bob", nil))
	s.Keyring.Use(m)
	return s.Keyring
}

// away is a key store that does not answer.
type away struct{ *keyring.Room }

var errAway = errors.New("connection refused")

func (away) ByID(context.Context, string) (*keyring.Key, error)        { return nil, errAway }
func (away) ForWorkflow(context.Context, string) (*keyring.Key, error) { return nil, errAway }
func (away) Shared(context.Context) (*keyring.Key, error)              { return nil, errAway }

func payload(t *testing.T, value any) *commonpb.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	require.NoError(t, err)
	return p
}

func TestPayloadsAreEncryptedAndCompressed(t *testing.T) {
	t.Parallel()
	c := codec.New(ring(t), "default", nil)
	for _, text := range []string{"canary", strings.Repeat("canary ", 1000)} {
		plain := payload(t, text)
		sealed, err := c.Encode([]*commonpb.Payload{plain})
		require.NoError(t, err)
		require.Equal(t, codec.Encoding, string(sealed[0].Metadata[converter.MetadataEncoding]))
		require.NotContains(t, string(sealed[0].Data), "canary")
		if len(text) > 1000 {
			require.Less(t, len(sealed[0].Data), len(text)/10)
		}
		opened, err := c.Decode(sealed)
		require.NoError(t, err)
		require.True(t, proto.Equal(plain, opened[0]))
		again, err := c.Encode(sealed)
		require.NoError(t, err)
		require.True(t, proto.Equal(sealed[0], again[0]), "what is encrypted is not encrypted twice")
	}
}

func TestPayloadsBelongToTheirNamespaceAndKey(t *testing.T) {
	t.Parallel()
	keys := ring(t)
	sealed, err := codec.New(keys, "default", nil).Encode([]*commonpb.Payload{payload(t, "canary")})
	require.NoError(t, err)
	_, err = codec.New(keys, "other", nil).Decode(sealed)
	require.ErrorContains(t, err, "of another namespace")
	other, err := keys.ForCustomer(t.Context(), "bob")
	require.NoError(t, err)
	sealed[0].Metadata[codec.KeyID] = []byte(other.ID)
	_, err = codec.New(keys, "default", nil).Decode(sealed)
	require.ErrorContains(t, err, "the payload was changed")
}

func TestWhatIsNotEncrypted(t *testing.T) {
	t.Parallel()
	c := codec.New(ring(t), "default", []string{"booking"})
	clear, err := codec.Clear("e1")
	require.NoError(t, err)
	nothing := payload(t, nil)
	same, err := c.Encode([]*commonpb.Payload{clear.Payload(), nothing})
	require.NoError(t, err)
	require.True(t, proto.Equal(clear.Payload(), same[0]))
	require.True(t, proto.Equal(nothing, same[1]))

	for queue, encrypted := range map[string]bool{"booking": false, "other": true} {
		out, err := c.WithSerializationContext(converter.ActivitySerializationContext{WorkflowID: "w", TaskQueue: queue}).
			Encode([]*commonpb.Payload{payload(t, "text")})
		require.NoError(t, err)
		require.Equal(t, encrypted, codec.Encrypted(out[0]), queue)
	}
	plain := payload(t, "of a channel without a codec")
	same, err = c.Decode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.True(t, proto.Equal(plain, same[0]))
}

func TestWithoutMasterKeysNothingIsEncrypted(t *testing.T) {
	t.Parallel()
	keys := ring(t)
	sealed, err := codec.New(keys, "default", nil).Encode([]*commonpb.Payload{payload(t, "canary")})
	require.NoError(t, err)
	off := codec.New(keyring.New(nil), "default", nil)
	plain := payload(t, "canary")
	same, err := off.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.True(t, proto.Equal(plain, same[0]))
	_, err = codec.New(noMasters{keys}, "default", nil).Decode(sealed)
	var task *converter.WorkflowTaskFailureError
	require.ErrorAs(t, err, &task)
}

// noMasters is a key store whose keys cannot be unwrapped.
type noMasters struct{ *keyring.Room }

func (noMasters) ByID(context.Context, string) (*keyring.Key, error) {
	return nil, errors.New("TABI_MASTER_KEYS is not set")
}

func TestKeyStoreThatIsAwayFailsTheTask(t *testing.T) {
	t.Parallel()
	keys := ring(t)
	sealed, err := codec.New(keys, "default", nil).Encode([]*commonpb.Payload{payload(t, "canary")})
	require.NoError(t, err)
	var o client.Options
	codec.New(away{keys}, "default", nil).Apply(&o)
	inTask := converter.WithDataConverterSerializationContext(o.DataConverter, converter.WorkflowSerializationContext{WorkflowID: "w"})
	var task *converter.WorkflowTaskFailureError
	_, err = inTask.ToPayload("canary")
	require.ErrorAs(t, err, &task)
	var text string
	require.ErrorAs(t, inTask.FromPayload(sealed[0], &text), &task, "a client gets an error")

	codec.New(away{keys}, "default", nil).ApplyToWorker(&o)
	inTask = converter.WithDataConverterSerializationContext(o.DataConverter, converter.WorkflowSerializationContext{WorkflowID: "w"})
	_, err = inTask.ToPayload("canary")
	require.ErrorAs(t, err, &task, "the SDK honors it wherever it encodes")
	activity := converter.WithDataConverterSerializationContext(o.DataConverter, converter.ActivitySerializationContext{WorkflowID: "w"})
	require.ErrorAs(t, activity.FromPayload(sealed[0], &text), &task, "no panic in an activity")
}

func TestFailuresAreEncrypted(t *testing.T) {
	t.Parallel()
	keys := ring(t)
	var o client.Options
	codec.New(keys, "default", nil).Apply(&o)
	bound, ok := o.FailureConverter.(interface {
		WithSerializationContext(converter.SerializationContext) converter.FailureConverter
	})
	require.True(t, ok)
	failures := bound.WithSerializationContext(converter.ActivitySerializationContext{WorkflowID: "w", ActivityType: "a"})
	failure := failures.ErrorToFailure(temporal.NewApplicationError("canary is in the words", "Kind", "canary in the details"))
	raw, err := proto.Marshal(failure)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "canary")
	require.Equal(t, "Kind", failure.GetApplicationFailureInfo().GetType())
	require.ErrorContains(t, failures.FailureToError(failure), "canary is in the words")

	codec.New(away{keys}, "default", nil).ApplyToWorker(&o)
	failure = o.FailureConverter.ErrorToFailure(temporal.NewNonRetryableApplicationError("canary is in the words", "Kind", nil))
	require.Contains(t, failure.GetMessage(), "withheld")
	require.True(t, failure.GetApplicationFailureInfo().GetNonRetryable())
}

func TestHistoriesAreDecrypted(t *testing.T) {
	t.Parallel()
	c := codec.New(ring(t), "default", nil)
	sealed, err := c.Encode([]*commonpb.Payload{payload(t, "canary")})
	require.NoError(t, err)
	h := &historypb.History{Events: []*historypb.HistoryEvent{{
		EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
			WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
				Input: &commonpb.Payloads{Payloads: sealed}}},
	}}}
	encrypted, err := codec.AnyEncrypted(t.Context(), h)
	require.NoError(t, err)
	require.True(t, encrypted)
	require.NoError(t, codec.DecodeHistory(t.Context(), c, h))
	raw, err := proto.Marshal(h)
	require.NoError(t, err)
	require.Contains(t, string(raw), "canary")
}

func TestForPeopleAGoneKeyIsWords(t *testing.T) {
	t.Parallel()
	keys := ring(t)
	c := codec.New(keys, "default", nil)
	sealed, err := c.Encode([]*commonpb.Payload{payload(t, "canary"), payload(t, "text")})
	require.NoError(t, err)
	sealed[0].Metadata[codec.KeyID] = []byte("cgone")
	out, err := c.DecodeEach(t.Context(), sealed)
	require.NoError(t, err)
	require.Contains(t, string(out[0].GetData()), "the customer was forgotten")
	require.Equal(t, `"text"`, string(out[1].GetData()))
	_, err = codec.New(away{keys}, "default", nil).DecodeEach(t.Context(), sealed)
	require.ErrorIs(t, err, errAway)
}
