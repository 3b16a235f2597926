package simulate

import "testing"

// What the SDK prints of commands and events, with what it may hold of a payload.
func TestReplayReasons(t *testing.T) {
	t.Parallel()
	const told = "[TMPRL1100] nondeterministic workflow: "
	for said, want := range map[string]string{
		told + "history event is ActivityTaskScheduled: (ActivityId:5, ActivityType:(Name:send), Input:[ana@example.com]), " +
			"replay command is StartTimer: (TimerId:5, StartToFireTimeout:(Seconds:60))": "the history has " +
			"ActivityTaskScheduled (5, send), this build issues StartTimer (5) instead",
		told + "missing replay command for TimerStarted: (TimerId:9, x)": "the history has TimerStarted (9), " +
			"this build does not issue it",
		told + "extra replay command for StartTimer: (TimerId:13, y)": "this build issues StartTimer (13), " +
			"which the history does not have",
		`boo "ana@example.com" is wrong`: "boo … is wrong",
	} {
		if got := replayDifference(said, nil); got != want {
			t.Errorf("%s:\n got %s\nwant %s", said, got, want)
		}
	}
}
