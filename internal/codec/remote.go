package codec

import (
	"net/http"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// Remote decrypts by a gateway's codec server, for programs that have no keys. It encrypts nothing, and asks the gateway for encrypted
// payloads only.
type Remote struct {
	URL       string // of the gateway
	Token     string
	Namespace string // empty: the gateway's
}

// remoteTimeout bounds one request.
const remoteTimeout = 10 * time.Second

// Encode implements converter.PayloadCodec: it leaves payloads as they are.
func (r *Remote) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return payloads, nil
}

// Decode implements converter.PayloadCodec.
func (r *Remote) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := append([]*commonpb.Payload{}, payloads...)
	var sealed []*commonpb.Payload
	var places []int
	for i, p := range payloads {
		if Encrypted(p) {
			sealed, places = append(sealed, p), append(places, i)
		}
	}
	if len(sealed) == 0 {
		return out, nil
	}
	plain, err := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
		Endpoint: strings.TrimRight(r.URL, "/") + "/v1/codec",
		Client:   http.Client{Timeout: remoteTimeout},
		ModifyRequest: func(req *http.Request) error {
			if r.Token != "" {
				req.Header.Set("Authorization", "Bearer "+r.Token)
			}
			if r.Namespace != "" {
				req.Header.Set("X-Namespace", r.Namespace)
			}
			return nil
		},
	}).Decode(sealed)
	if err != nil {
		return payloads, err
	}
	for i, place := range places {
		out[place] = plain[i]
	}
	return out, nil
}
