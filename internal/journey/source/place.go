package source

import (
	"fmt"
)

// Place is a position in a file. Lines and columns (in characters) count from 1.
type Place struct {
	File         string
	Line, Column int
}

// String returns file:line:col.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }
