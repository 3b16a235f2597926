package contract

// TestSendType is the workflow type that sends a message to the address of a tester. Nothing in its history says what or to whom: it
// knows the key of a row of the ledger, which has both.
const TestSendType = "TestSend"

// TestSendActivity makes one attempt: TestSendInput → TestSendResult.
const TestSendActivity = "test_send"

// TestSendAttempts is how often a test is tried. The last attempt settles it.
const TestSendAttempts = 5

// TestSendInput is the input of TestSendType.
type TestSendInput struct {
	Key string `json:"key"` // of the row
}

// TestSendResult is how a test ended.
type TestSendResult struct {
	Status string `json:"status"` // StatusSent or StatusFailed
	Reason string `json:"reason,omitempty"`
}

// TestSendWorkflowID is the id of the workflow of a test.
func TestSendWorkflowID(key string) string { return "tabi.test-send/" + key }
