package journey

// File is one file of a journeys folder. Name is the path as the user knows it, with slashes; its place under the
// folder's root says what it is (messages/x.yaml, actions/x.yaml, intents.yaml, policy.yaml, x.test.yaml, x.yaml).
type File struct {
	Root string // the folder that was named; a prefix of Name, or empty
	Name string
	Data []byte
}

// Options of Check.
type Options struct {
	Channels []ChannelSpec // what this build can send by; activities/channel.Specs()
}

// Check parses, checks and compiles a whole folder. Content holds what compiled even where there are errors elsewhere;
// it is complete only if !diagnostics.Failed(false). It never panics, whatever the bytes.
func Check(files []File, opts Options) (*Content, Diagnostics) { panic("not built") }
