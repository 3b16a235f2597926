package testservers_test

import (
	"errors"
	"fmt"

	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

func ExampleNewPostgres() {
	server, err := testservers.NewPostgres("", testservers.PostgresOptions{})
	if errors.Is(err, testservers.ErrNoPostgres) {
		fmt.Println("connected") // nothing to show here
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Remove()
	if _, err := server.Create("example"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("connected")
	// Output: connected
}
