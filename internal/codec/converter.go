package codec

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
)

// Apply makes a client's options use the codec.
func (c *Codec) Apply(o *client.Options) {
	o.DataConverter = c.DataConverter()
	o.FailureConverter = c.failures(o.DataConverter)
}

// ApplyToWorker makes the options of a worker's client use the codec. Only workers may use that client: there a key store that does
// not answer makes the codec panic.
func (c *Codec) ApplyToWorker(o *client.Options) {
	worker := *c
	worker.panics = true
	// A look into the key store may take longer than the second after which the SDK takes a workflow for deadlocked.
	o.DataConverter = workflow.DataConverterWithoutDeadlockDetection(worker.DataConverter())
	o.FailureConverter = worker.failures(o.DataConverter)
}

// DataConverter returns the SDK's converter with the codec.
func (c *Codec) DataConverter() converter.DataConverter {
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c)
}

func (c *Codec) failures(dc converter.DataConverter) *failures {
	return &failures{dc: dc, encrypt: c.keys.Masters() != nil, inner: temporal.NewDefaultFailureConverter(
		temporal.DefaultFailureConverterOptions{DataConverter: dc, EncodeCommonAttributes: c.keys.Masters() != nil})}
}

// failures is the SDK's failure converter. That one encrypts messages without their workflow, so by the shared key, and it panics where
// it cannot, in the middle of a worker's pollers.
type failures struct {
	dc      converter.DataConverter
	encrypt bool
	inner   converter.FailureConverter
	inTask  bool
}

// WithSerializationContext implements converter.FailureConverterWithSerializationContext.
func (f *failures) WithSerializationContext(sc converter.SerializationContext) converter.FailureConverter {
	dc := converter.WithDataConverterSerializationContext(f.dc, sc)
	_, inTask := sc.(converter.WorkflowSerializationContext)
	return &failures{dc: dc, encrypt: f.encrypt, inTask: inTask, inner: temporal.NewDefaultFailureConverter(
		temporal.DefaultFailureConverterOptions{DataConverter: dc, EncodeCommonAttributes: f.encrypt})}
}

// ErrorToFailure implements converter.FailureConverter. Where an activity's error cannot be encrypted, only its type goes out: the
// attempt has failed in any case. In a workflow task the SDK turns the panic into a failed task.
func (f *failures) ErrorToFailure(err error) (out *failurepb.Failure) {
	if !f.inTask {
		defer func() {
			if p := recover(); p != nil {
				out = withheld(err)
			}
		}()
	}
	return f.inner.ErrorToFailure(err)
}

// FailureToError implements converter.FailureConverter.
func (f *failures) FailureToError(failure *failurepb.Failure) error {
	return f.inner.FailureToError(failure)
}

// withheld is a failure without the words of its error.
func withheld(err error) *failurepb.Failure {
	info := &failurepb.ApplicationFailureInfo{}
	if known, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		info.Type, info.NonRetryable = known.Type(), known.NonRetryable()
	}
	return &failurepb.Failure{
		Message: "withheld: the message cannot be encrypted, because the key store does not answer", Source: "GoSDK",
		FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: info},
	}
}

// DecodeHistory decrypts the payloads of a history in place, with a codec of this package or a remote one.
func DecodeHistory(ctx context.Context, c converter.PayloadCodec, h *historypb.History) error {
	return proxy.VisitPayloads(ctx, h, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			return c.Decode(payloads)
		},
	})
}

// AnyEncrypted reports whether a history has an encrypted payload.
func AnyEncrypted(ctx context.Context, h *historypb.History) (bool, error) {
	found := false
	err := proxy.VisitPayloads(ctx, proto.Message(h), proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range payloads {
				found = found || Encrypted(p)
			}
			return payloads, nil
		},
	})
	return found, err
}
