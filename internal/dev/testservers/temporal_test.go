package testservers

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

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
