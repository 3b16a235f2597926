// Package codec encrypts what Temporal keeps: inputs, results, signals, updates, queries, markers, summaries and the texts of failures.
//
// A payload is compressed where that makes it smaller, and encrypted by AES-256-GCM with a key of package keyring: that of the customer
// whose enrollment the workflow is, or a shared one. Its metadata names the key. Search attributes and workflow ids are not payloads:
// see Pseudonyms in internal/enrollment.
//
// A database that does not answer must not cost a run. The SDK ends a run whose input cannot be decoded, rejects an update for good, and
// drops a signal with a line in the log. So in workflow tasks of a worker the codec fails the task, which Temporal repeats: by
// converter.WorkflowTaskFailureError where the SDK honors it, by a panic where it does not. See docs/decisions/0031.
package codec

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/tabi-journeys/tabi/internal/keyring"
)

// Metadata of an encrypted payload. Those of Temporal's sample are the same.
const (
	Encoding    = "binary/encrypted"
	KeyID       = "encryption-key-id"
	clearMark   = "tabi-clear" // metadata of a payload that is not to be encrypted: it holds no personal data
	formPlain   = 0            // first byte of what is encrypted: the payload as it is
	formDeflate = 1            // the payload, compressed
)

const (
	compressFrom = 400      // bytes of a payload from which compressing is tried
	maxPayload   = 16 << 20 // bytes of a payload, inflated; Temporal takes 2 MiB
	keyTimeout   = 3 * time.Second
)

// Keys is the key store: keyring.Room.
type Keys interface {
	ByID(ctx context.Context, id string) (*keyring.Key, error)
	ForWorkflow(ctx context.Context, workflowID string) (*keyring.Key, error)
	Shared(ctx context.Context) (*keyring.Key, error)
	Masters() *keyring.Masters
}

// Codec is a converter.PayloadCodec. It encrypts where the key store has master keys, and decrypts what is encrypted.
type Codec struct {
	keys      Keys
	namespace string
	clear     []string // task queues whose activities get and return clear payloads

	workflow string          // the workflow that is served; empty: none, or not known
	off      bool            // the payload is for one of the queues in clear
	inTask   bool            // this is a workflow task of a worker, or the SDK cannot tell
	panics   bool            // in workflow tasks, a key store that does not answer makes Decode panic
	ctx      context.Context // bounds looks into the key store; nil: keyTimeout does
}

// New returns a codec for a namespace. clear are task queues of other teams whose workers cannot decrypt.
func New(keys Keys, namespace string, clear []string) *Codec {
	return &Codec{keys: keys, namespace: namespace, clear: clear}
}

// Namespace returns the namespace whose payloads the codec encrypts.
func (c *Codec) Namespace() string { return c.namespace }

// WithSerializationContext implements converter.PayloadCodecWithSerializationContext.
func (c *Codec) WithSerializationContext(sc converter.SerializationContext) converter.PayloadCodec {
	bound := *c
	switch sc := sc.(type) {
	case converter.WorkflowSerializationContext:
		bound.workflow, bound.off, bound.inTask = sc.WorkflowID, false, true
	case converter.ActivitySerializationContext:
		bound.workflow, bound.inTask = sc.WorkflowID, false
		bound.off = !sc.IsLocal && slices.Contains(c.clear, sc.TaskQueue)
	}
	return &bound
}

func (c *Codec) deadline() (context.Context, context.CancelFunc) {
	ctx := c.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(ctx, keyTimeout)
}

// Clear returns a value that the codec leaves in clear, for what holds no personal data and is read without keys.
func Clear(value any) (converter.RawValue, error) {
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	if err != nil {
		return converter.RawValue{}, err
	}
	p.Metadata[clearMark] = []byte("1")
	return converter.NewRawValue(p), nil
}

// Encrypted reports whether a payload is encrypted by a codec of this package.
func Encrypted(p *commonpb.Payload) bool {
	return string(p.GetMetadata()[converter.MetadataEncoding]) == Encoding && len(p.GetMetadata()[KeyID]) > 0
}

// inClear reports whether a payload stays as it is: it says nothing, is encrypted, or is meant to be read without keys.
func inClear(p *commonpb.Payload) bool {
	return p == nil || string(p.Metadata[converter.MetadataEncoding]) == converter.MetadataEncodingNil || Encrypted(p) ||
		len(p.Metadata[clearMark]) > 0
}

// Encode implements converter.PayloadCodec.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if c.off || c.keys.Masters() == nil || !slices.ContainsFunc(payloads, func(p *commonpb.Payload) bool { return !inClear(p) }) {
		return payloads, nil
	}
	ctx, cancel := c.deadline()
	defer cancel()
	key, err := c.keyFor(ctx)
	if err != nil {
		return payloads, converter.NewWorkflowTaskFailureError(fmt.Errorf("cannot encrypt: %w", err))
	}
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if inClear(p) {
			out[i] = p
			continue
		}
		if out[i], err = c.seal(key, p); err != nil {
			return payloads, err
		}
	}
	return out, nil
}

func (c *Codec) keyFor(ctx context.Context) (*keyring.Key, error) {
	if c.workflow == "" {
		return c.keys.Shared(ctx)
	}
	return c.keys.ForWorkflow(ctx, c.workflow)
}

// Decode implements converter.PayloadCodec. It returns payloads that are not encrypted as they are.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if !slices.ContainsFunc(payloads, Encrypted) {
		return payloads, nil
	}
	ctx, cancel := c.deadline()
	defer cancel()
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := c.open(ctx, p)
		if err != nil {
			err = converter.NewWorkflowTaskFailureError(err)
			if c.panics && c.inTask {
				panic(err)
			}
			return payloads, err
		}
		out[i] = plain
	}
	return out, nil
}

// EncodeFor encrypts as Encode does, for a call that ends with ctx.
func (c *Codec) EncodeFor(ctx context.Context, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	bound := *c
	bound.ctx = ctx
	return bound.Encode(payloads)
}

// DecodeEach decrypts what it can, and replaces each payload whose key is gone by a text that says so, for people. It returns an error
// where the key store does not answer.
func (c *Codec) DecodeEach(ctx context.Context, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := c.open(ctx, p)
		var unreadable *unreadableError
		switch {
		case err == nil:
			out[i] = plain
		case errors.Is(err, keyring.ErrNoKey), errors.As(err, &unreadable):
			if out[i], err = converter.GetDefaultDataConverter().ToPayload("(unreadable: " + err.Error() + ")"); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
	return out, nil
}

// Customers returns the customers whose keys encrypt payloads, each once, and the number of payloads that a shared key encrypts. Payloads
// without a key are left out, as nobody can read them.
func (c *Codec) Customers(ctx context.Context, payloads []*commonpb.Payload) (customers []string, others int, err error) {
	for _, p := range payloads {
		if !Encrypted(p) {
			continue
		}
		key, err := c.keys.ByID(ctx, string(p.Metadata[KeyID]))
		switch {
		case errors.Is(err, keyring.ErrNoKey):
		case err != nil:
			return nil, 0, err
		case key.Customer == "":
			others++
		case !slices.Contains(customers, key.Customer):
			customers = append(customers, key.Customer)
		}
	}
	return customers, others, nil
}

// unreadableError says that a payload does not belong to its key: it was changed, or is of another namespace.
type unreadableError struct{ text string }

func (e *unreadableError) Error() string { return e.text }

// binding is what a ciphertext belongs to besides its key.
func (c *Codec) binding(keyID string) []byte {
	return []byte("tabi payload\x00" + c.namespace + "\x00" + keyID)
}

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // fails for unknown levels only
	return w
}}

// seal encrypts a payload.
func (c *Codec) seal(key *keyring.Key, p *commonpb.Payload) (*commonpb.Payload, error) {
	text, err := proto.MarshalOptions{}.MarshalAppend([]byte{formPlain}, p)
	if err != nil {
		return nil, err
	}
	if len(text) >= compressFrom {
		small := bytes.NewBuffer(make([]byte, 0, len(text)))
		small.WriteByte(formDeflate)
		w, _ := deflaters.Get().(*flate.Writer)
		w.Reset(small)
		_, err = w.Write(text[1:])
		if err = errors.Join(err, w.Close()); err != nil {
			return nil, err
		}
		deflaters.Put(w)
		if small.Len() < len(text) {
			text = small.Bytes()
		}
	}
	return &commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(Encoding), KeyID: []byte(key.ID)},
		Data:     key.AEAD.Seal(nil, nil, text, c.binding(key.ID)),
	}, nil
}

// open decrypts a payload, and returns one that is not encrypted as it is.
func (c *Codec) open(ctx context.Context, p *commonpb.Payload) (*commonpb.Payload, error) {
	if !Encrypted(p) {
		return p, nil
	}
	id := string(p.Metadata[KeyID])
	key, err := c.keys.ByID(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("cannot decrypt: %w", err)
	}
	text, err := key.AEAD.Open(nil, nil, p.Data, c.binding(id))
	if err != nil || len(text) == 0 {
		return nil, &unreadableError{"cannot decrypt: the payload was changed, or is of another namespace than " + c.namespace}
	}
	if text[0] == formDeflate {
		text, err = inflate(text[1:])
	} else {
		text = text[1:]
	}
	plain := &commonpb.Payload{}
	if err == nil {
		err = proto.Unmarshal(text, plain)
	}
	if err != nil {
		return nil, &unreadableError{"cannot decrypt: a newer version of tabi wrote the payload: " + err.Error()}
	}
	return plain, nil
}

func inflate(small []byte) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(small)), maxPayload+1))
	if err == nil && len(text) > maxPayload {
		err = errors.New("the payload is larger than 16 MiB")
	}
	return text, err
}
