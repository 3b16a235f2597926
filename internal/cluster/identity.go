// Package cluster knows to which Temporal namespace an installation belongs, and notices a process that talks to
// another one.
//
// The store and Temporal hold two halves of each enrollment. A process that reads one half here and the other half
// elsewhere finds no run of any enrollment, and would take them all for lost. So the store remembers the namespace of
// its first start, by the id that Temporal gave it, and a process acts only while it talks to that one. A namespace
// that was created again, or restored empty, has the same name and another id. See docs/decisions/0020.
package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Identity names a Temporal namespace. Two namespaces are the same if their NamespaceID is the same: a namespace that
// is replicated keeps its id on every cluster. The other fields are for people.
type Identity struct {
	Namespace   string `json:"namespace"`
	NamespaceID string `json:"namespace_id"`
	Cluster     string `json:"cluster,omitempty"`    // name; empty: this process may not ask for it
	ClusterID   string `json:"cluster_id,omitempty"` // empty: this process may not ask for it
}

// String returns the names and ids, for people.
func (i Identity) String() string {
	text := fmt.Sprintf("namespace %q (id %s)", i.Namespace, i.NamespaceID)
	if i.ClusterID != "" {
		text += fmt.Sprintf(" of cluster %q (id %s)", i.Cluster, i.ClusterID)
	}
	return text
}

// Ask returns the identity of a namespace as the connected Temporal knows it.
func Ask(ctx context.Context, c client.Client, namespace string) (Identity, error) {
	described, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return Identity{}, fmt.Errorf("cannot ask Temporal which namespace %q is: %w", namespace, err)
	}
	found := Identity{Namespace: namespace, NamespaceID: described.GetNamespaceInfo().GetId()}
	// The cluster is only shown, and its name needs a permission that a process with one namespace may lack.
	if info, err := c.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{}); err == nil {
		found.Cluster, found.ClusterID = info.GetClusterName(), info.GetClusterId()
	}
	return found, nil
}

// setting is the key of the identity in the settings of the store.
const setting = "temporal"

// Home returns the namespace that a store belongs to; ok is false before the first start.
func Home(ctx context.Context, db *sqldb.Database) (home Identity, ok bool, err error) {
	raw, err := db.Setting(ctx, setting)
	if err != nil || raw == "" {
		return Identity{}, false, err
	}
	if err := json.Unmarshal([]byte(raw), &home); err != nil {
		return Identity{}, false, fmt.Errorf("the setting %q of the database cannot be read: %w", setting, err)
	}
	return home, true, nil
}

// Adopt makes a namespace the home of a store, whatever was its home before.
func Adopt(ctx context.Context, db *sqldb.Database, home Identity) error {
	raw, err := json.Marshal(home)
	if err != nil {
		return err
	}
	return db.Write(ctx, func(tx sqldb.Conn) error { return sqldb.SetSetting(ctx, tx, setting, string(raw)) })
}

// claim makes a namespace the home of a store that has none, and returns the home.
func claim(ctx context.Context, db *sqldb.Database, found Identity) (Identity, error) {
	raw, err := json.Marshal(found)
	if err != nil {
		return Identity{}, err
	}
	if err := db.Write(ctx, func(tx sqldb.Conn) error {
		return sqldb.AddSetting(ctx, tx, setting, string(raw))
	}); err != nil {
		return Identity{}, err
	}
	home, _, err := Home(ctx, db)
	return home, err
}

// ErrStranger is in the chain of every StrangerError.
var ErrStranger = errors.New("a Temporal namespace that this database does not belong to")

// StrangerError says that a process talks to a namespace that is not the home of its store.
type StrangerError struct{ Home, Found Identity }

// Error names both namespaces and says how to mend it.
func (e *StrangerError) Error() string {
	hint := "correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or TABI_DATABASE"
	if e.Home.Namespace == e.Found.Namespace {
		hint += "; if that namespace was created again or restored empty, restore Temporal's own database"
	}
	return fmt.Sprintf("the database belongs to %s, and Temporal is %s; %s; nothing was changed. If this installation has moved "+
		"to that namespace for good, run `tabi cluster adopt` (see docs/backup.md)", e.Home, e.Found, hint)
}

// Is makes errors.Is(err, ErrStranger) true.
func (e *StrangerError) Is(target error) bool { return target == ErrStranger }

// Readiness is the word of /readyz for this error.
func (e *StrangerError) Readiness() string { return "another namespace" }

// OccupiedError says that a namespace has runs of another installation, and that the store has no home yet.
type OccupiedError struct {
	Found      Identity
	WorkflowID string // of one of the runs
}

// Error says how to mend it.
func (e *OccupiedError) Error() string {
	return fmt.Sprintf("%s has open runs of another installation, such as %s, and the database is new: its workers would end them. "+
		"Give this installation a namespace of its own (TEMPORAL_NAMESPACE), or correct TABI_DATABASE; nothing was changed. If the "+
		"database of these runs is lost, run `tabi cluster adopt`, then `tabi reconcile --terminate-orphans`", e.Found, e.WorkflowID)
}

// Is makes errors.Is(err, ErrStranger) true.
func (e *OccupiedError) Is(target error) bool { return target == ErrStranger }

// occupied returns an *OccupiedError if a namespace has an open run of a journey.
func occupied(ctx context.Context, c client.Client, found Identity) error {
	list, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: found.Namespace, PageSize: 1, Query: "WorkflowType = '" + contract.JourneyType + "' AND ExecutionStatus = 'Running'",
	})
	if err != nil {
		return fmt.Errorf("cannot look for runs of another installation in namespace %q: %w", found.Namespace, err)
	}
	for _, run := range list.GetExecutions() {
		return &OccupiedError{Found: found, WorkflowID: run.GetExecution().GetWorkflowId()}
	}
	return nil
}

// denied reports whether Temporal refuses to say which namespace it is.
func denied(err error) bool {
	var refused *serviceerror.PermissionDenied
	var unknown *serviceerror.Unimplemented
	return errors.As(err, &refused) || errors.As(err, &unknown)
}
