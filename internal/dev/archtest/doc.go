// Package archtest holds the rules of this repository's structure: which package may import which, how large files
// and packages are, which package owns which SQL table, how comments are written. Its tests check them (make rules).
package archtest
