package testservers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// variables are environment variables.
type variables map[string]string

func (v variables) Environ() []string {
	var out []string
	for name, value := range v {
		out = append(out, name+"="+value)
	}
	return out
}

func (v variables) LookupEnv(name string) (string, bool) { value, ok := v[name]; return value, ok }

// Temporal as deploy/temporal sets it up with mTLS refuses a client without a certificate of its CA, and takes one that is set up by
// the variables that deploy/README.md names. Its SQL stores take the longest ids that tabi makes.
func TestTemporalOnPostgresWithTLS(t *testing.T) {
	t.Parallel()
	if _, err := Find(TemporalBinary); err != nil {
		t.Skip(err) // it takes minutes to build: make bin/temporal-server
	}
	certificates := filepath.Join(t.TempDir(), "certificates")
	server, err := NewTemporalWithTLS(t.Context(), t.TempDir(), durable(t), certificates)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	env := variables{"TEMPORAL_ADDRESS": server.Address, "TEMPORAL_NAMESPACE": "default"}
	dial := func() (client.Client, error) {
		profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{EnvLookup: env, DisableFile: true})
		if err != nil {
			return nil, err
		}
		options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
		if err != nil {
			return nil, err
		}
		options.Logger = silent{}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return client.DialContext(ctx, options)
	}
	for _, step := range []struct{ what, name, value string }{
		{"in the clear", "", ""},
		{"with the CA alone", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "ca.pem"},
	} {
		if step.name != "" {
			env[step.name] = filepath.Join(certificates, step.value)
		}
		if c, err := dial(); err == nil {
			c.Close()
			t.Errorf("%s: the server takes a client without a certificate", step.what)
		}
	}
	env["TEMPORAL_TLS_CLIENT_CERT_PATH"] = filepath.Join(certificates, "tabi.pem")
	env["TEMPORAL_TLS_CLIENT_KEY_PATH"] = filepath.Join(certificates, "tabi.key")
	c, err := dial()
	if err != nil {
		t.Fatalf("with a certificate: %v", err)
	}
	defer c.Close()
	if _, err := c.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace: "default", SearchAttributes: map[string]enumspb.IndexedValueType{
			contract.AttrJourney: enumspb.INDEXED_VALUE_TYPE_KEYWORD, contract.AttrCustomer: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
			contract.AttrRevision: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		},
	}); err != nil {
		t.Fatal(err)
	}
	customers := []string{strings.Repeat("x", 255), "anon:" + strings.Repeat("y", 255), strings.Repeat("山", 85), strings.Repeat("<", 255)}
	eventually(t, func() error { // the server learns of its attributes after a while
		for n, customer := range customers {
			e := unit.Enrollment{ID: fmt.Sprint("e", n), Journey: strings.Repeat("j", 100), Customer: customer}
			e.EntryName = strings.Repeat("<", 255)
			e.WorkflowID = journey.WorkflowID(e.Journey, customer, strings.Repeat("籠", 160), 2)
			options := relay.StartOptions(e)
			options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
			options.WorkflowExecutionErrorWhenAlreadyStarted = false
			if _, err := c.ExecuteWorkflow(t.Context(), options, contract.JourneyType, nil); err != nil {
				return err
			}
		}
		return nil
	})
	eventually(t, func() error { // visibility takes them too
		found, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Query: contract.AttrJourney + " = '" + strings.Repeat("j", 100) + "'"})
		if err == nil && found.GetCount() != int64(len(customers)) {
			err = fmt.Errorf("%d of %d runs are visible", found.GetCount(), len(customers))
		}
		return err
	})
}

// With the default authorizer, as deploy/temporal sets it up, a certificate alone allows nothing, and a token what it says.
func TestTemporalWithAuthorizer(t *testing.T) {
	t.Parallel()
	if _, err := Find(TemporalBinary); err != nil {
		t.Skip(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	public, err := key.PublicKey.Bytes() // 4, then the two coordinates
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"EC","kid":"k","use":"sig","alg":"ES256","crv":"P-256","x":%q,"y":%q}]}`,
			encode(public[1:33]), encode(public[33:]))
	}))
	defer keys.Close()
	// token returns a token of a client with a permission.
	token := func(permission string) string {
		text := encode([]byte(`{"alg":"ES256","kid":"k","typ":"JWT"}`)) + "." +
			encode(fmt.Appendf(nil, `{"sub":"test","permissions":[%q],"exp":%d}`, permission, clock.Wall().Add(time.Hour).Unix()))
		digest := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	certificates := filepath.Join(t.TempDir(), "certificates")
	server, err := NewTemporalWithTLS(t.Context(), t.TempDir(), durable(t), certificates)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Stop() })
	server.Stop()
	server.Authorize(keys.URL, token("temporal-system:admin"))
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		permission string // empty: no token
		may        bool
	}{{"", false}, {"default:read", false}, {"other:admin", false}, {"default:write", true}} {
		options := server.options()
		options.Credentials = nil
		if c.permission != "" {
			options.Credentials = client.NewAPIKeyStaticCredentials(token(c.permission))
		}
		one, err := client.NewLazyClient(options)
		if err != nil {
			t.Fatal(err)
		}
		_, err = one.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "t", TaskQueue: "nobody"}, contract.TrackType)
		one.Close()
		var denied *serviceerror.PermissionDenied
		if (err == nil) != c.may || err != nil && !errors.As(err, &denied) {
			t.Errorf("with %q: %v", c.permission, err)
		}
	}
}

// eventually calls try until it succeeds, for a minute.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal(err)
		}
	}
}
