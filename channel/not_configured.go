package channel

// NotConfiguredError says that a channel has no configuration. A channel that is opened with it exists, so that journeys
// may name it, and refuses every message with a reason that names the setting.
type NotConfiguredError struct {
	Setting string // as people set it: PIGEON_URL
}

func (e *NotConfiguredError) Error() string { return e.Setting + " is not set" }
