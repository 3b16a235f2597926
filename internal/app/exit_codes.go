package app

import (
	"errors"
	"fmt"
)

// Exit statuses of every command.
const (
	ExitGood        = 0
	ExitBad         = 1 // a check failed, or the command did
	ExitUsage       = 2 // wrong usage: a flag, an argument, a setting
	ExitUnreachable = 3 // a database, Temporal or a gateway cannot be reached
)

// Exit statuses that mail servers know (sysexits.h), for a command that they run.
const (
	ExitMailRefused = 65 // the mail is wrong: the server gives it up
	ExitMailLater   = 75 // it could not be handed over now: the server keeps it and tries again
)

// ExitError is an error with the exit status of the process. A nil Err prints nothing: the reason was printed before.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// Usage returns an error about how a command was used: a flag, an argument or a setting.
func Usage(format string, args ...any) error {
	return &ExitError{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Unreachable returns an error about a database, Temporal or a gateway that cannot be reached.
func Unreachable(format string, args ...any) error {
	return &ExitError{Code: ExitUnreachable, Err: fmt.Errorf(format, args...)}
}

// Quiet returns an error that ends the process with a status and prints nothing.
func Quiet(code int) error { return &ExitError{Code: code} }

// ExitCode returns the exit status of an error; ExitBad if the error has none.
func ExitCode(err error) int {
	var e *ExitError
	switch {
	case err == nil:
		return ExitGood
	case errors.As(err, &e):
		return e.Code
	}
	return ExitBad
}
