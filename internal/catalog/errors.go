package catalog

// A DroppedError lists what a release would drop although a revision with open enrollments still names it.
type DroppedError struct{ Missing []string } // sorted: `message "x", named by journey y (revision …, n open)`
