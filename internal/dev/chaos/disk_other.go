//go:build !linux

package main

import (
	"errors"
	"os"
)

// disk is the store's folder: a small disk of its own exists on Linux only.
type disk struct {
	dir   string
	small bool
}

func newDisk(dir string, _ int64) (*disk, error) {
	logf("left out: the full disk, which needs a tmpfs of Linux")
	return &disk{dir: dir}, os.MkdirAll(dir, 0o755)
}

var errNoDisk = errors.New("no tmpfs on this system")

func (d *disk) fill() error { return errNoDisk }
func (d *disk) free() error { return errNoDisk }
func (d *disk) close()      {}
