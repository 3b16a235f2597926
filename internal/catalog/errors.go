package catalog

// DroppedError says what a release would drop that a revision with open instances still names.
type DroppedError struct{ Missing []string } // sorted: `message "x", named by journey y (revision …, n open)`
