package app

import (
	"errors"
	"fmt"
)

// Exit statuses of every command.
const (
	ExitGood        = 0
	ExitBad         = 1 // the thing that was checked is bad, or the command failed
	ExitUsage       = 2 // wrong usage: a flag, an argument, a setting
	ExitUnreachable = 3 // a database, Temporal or a gateway cannot be reached
)

// ExitError is an error with the exit status it ends the process with. A nil Err says nothing: it was said before.
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

// Usage is an error of the person who typed the command.
func Usage(format string, args ...any) error {
	return &ExitError{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Unreachable is an error about something that does not answer.
func Unreachable(format string, args ...any) error {
	return &ExitError{Code: ExitUnreachable, Err: fmt.Errorf(format, args...)}
}

// Quiet ends the process with a status whose reason has been printed.
func Quiet(code int) error { return &ExitError{Code: code} }

// ExitCode returns the status for an error; ExitBad where it carries none.
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
