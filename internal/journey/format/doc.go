// Package format writes a definition as a journey file.
package format
