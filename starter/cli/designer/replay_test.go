package designer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/simulate"
	"github.com/tabi-journeys/tabi/starter/cli"
)

const waitHistory = "../../../workflows/testdata/histories/v1-wait_for.json"

// altered saves a recorded history with one event changed; kind is the end of its type.
func altered(t *testing.T, file, kind string, change func(event map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(waitHistory)
	if err != nil {
		t.Fatal(err)
	}
	var h struct {
		Events []map[string]any `json:"events"`
	}
	if err := json.Unmarshal(data, &h); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range h.Events {
		if name, _ := e["eventType"].(string); !found && strings.HasSuffix(name, kind) {
			found = true
			change(e)
		}
	}
	if !found {
		t.Fatalf("%s has no %s", waitHistory, kind)
	}
	if data, err = json.Marshal(h); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func tabiSays(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Run(context.Background(), app.Build{}, args, &o, &e)
	return code, o.String(), e.String()
}

// A build that goes another way than a history is told where, and nothing of what the history holds.
func TestReplayReportsTheDifference(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := base64.StdEncoding.EncodeToString([]byte(`"ana@example.com"`))
	plain := base64.StdEncoding.EncodeToString([]byte("json/plain"))
	altered(t, filepath.Join(dir, "activity.json"), "TIMER_STARTED", func(e map[string]any) {
		e["eventType"] = "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED"
		delete(e, "timerStartedEventAttributes")
		e["activityTaskScheduledEventAttributes"] = map[string]any{
			"activityId":   e["eventId"],
			"activityType": map[string]any{"name": "send"},
			"input": map[string]any{
				"payloads": []any{map[string]any{"metadata": map[string]any{"encoding": plain}, "data": secret}},
			},
		}
	})
	altered(t, filepath.Join(dir, "local.json"), "MARKER_RECORDED", func(e map[string]any) {
		details := e["markerRecordedEventAttributes"].(map[string]any)["details"].(map[string]any)
		marker := details["data"].(map[string]any)["payloads"].([]any)[0].(map[string]any)
		marker["data"] = base64.StdEncoding.EncodeToString(
			[]byte(
				`{"ActivityID":"1","ActivityType":"other","Err":"ana@example.com","ReplayTime":"2026-11-23T02:29:17Z",` +
					`"Attempt":1,"Backoff":0}`,
			),
		)
	})
	altered(t, filepath.Join(dir, "result.json"), "EXECUTION_COMPLETED", func(e map[string]any) {
		result := e["workflowExecutionCompletedEventAttributes"].(map[string]any)["result"].(map[string]any)
		p := result["payloads"].([]any)[0].(map[string]any)
		p["data"] = base64.StdEncoding.EncodeToString([]byte(`{"outcome":"ana@example.com","steps":3}`))
	})
	altered(t, filepath.Join(dir, "type.json"), "EXECUTION_STARTED", func(e map[string]any) {
		e["workflowExecutionStartedEventAttributes"].(map[string]any)["workflowType"] = map[string]any{"name": "Other"}
	})
	if err := os.WriteFile(filepath.Join(dir, "nothing.json"), []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := tabiSays(t, "replay", dir, waitHistory)
	if code != 1 {
		t.Errorf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"activity.json: event 6 (ActivityTaskScheduled): this build does not issue that activity",
		"local.json: this build runs the local activity report where the history has other",
		"result.json: event 13 (WorkflowExecutionCompleted): this build ends with a different result (outcome, reason)",
		"type.json: unable to find workflow type: Other",
		"nothing.json: cannot be read: it is not a history",
		"ok   " + waitHistory + " (13 events)",
		"1 passed, 5 failed",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q, but:\n%s", want, out)
		}
	}
	if strings.Contains(out+errs, "ana@example.com") {
		t.Errorf("it prints what the history holds:\n%s%s", out, errs)
	}
}

func TestReplayRecorded(t *testing.T) {
	t.Parallel()
	code, out, errs := tabiSays(t, "replay", "../../../workflows/testdata/histories", "-o", "json")
	var report struct {
		Passed, Failed int
		Histories      []simulate.Replayed
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || report.Failed != 0 || report.Passed < 17 ||
		len(report.Histories) != report.Passed {
		t.Errorf("exit %d, %+v (%v)\n%s", code, report, err, errs)
	}
}
