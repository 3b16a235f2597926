package channel_test

import (
	"context"
	"fmt"

	"github.com/tabi-journeys/tabi/channel"
)

var pager = channel.Spec{
	Name:    "pager",
	Address: "pager_number",
	Fields:  []channel.Field{{Name: "text", Required: true}},
}

// A channel checks a message before it asks its provider.
func ExampleCheck() {
	r, bad := channel.Check(context.Background(), pager, channel.Message{Key: "e1/hello/1", Address: "17"})
	fmt.Println(bad, r.Outcome, r.Reason)
	// Output: true refused the text is empty after rendering
}

// A spec is validated when the commands are built.
func ExampleSpec_Validate() {
	fmt.Println(pager.Validate())
	fmt.Println(channel.Spec{Name: "Pager"}.Validate())
	// Output:
	// <nil>
	// the name must be lower-case letters, digits and _
}
