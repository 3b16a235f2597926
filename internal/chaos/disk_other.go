//go:build !linux

package main

import "errors"

// disk is the small disk of the store: only Linux has one here.
type disk struct{ dir string }

var errNoDisk = errors.New("make chaos needs Linux: the small disk of the store is a tmpfs")

func newDisk(string, int64) (*disk, error) { return nil, errNoDisk }
func (d *disk) fill() error                { return errNoDisk }
func (d *disk) free() error                { return errNoDisk }
func (d *disk) close()                     {}
