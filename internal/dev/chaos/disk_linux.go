package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// disk is the store's disk, a small tmpfs that can be filled.
type disk struct {
	dir   string
	small bool // it was mounted
}

// newDisk mounts the disk. Where that is not allowed, it is a folder on the machine's own disk, which must not be
// filled.
func newDisk(dir string, size int64) (*disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	said, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=0755", size), "tmpfs", dir).CombinedOutput()
	if err != nil {
		logf("left out: the full disk; mounting a tmpfs needs root: %s", bytes.TrimSpace(said))
	}
	return &disk{dir: dir, small: err == nil}, nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no free page.
func (d *disk) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	at := int64(0)
	for _, chunk := range []int64{64 << 20, 1 << 20, 4 << 10} {
		for {
			err := syscall.Fallocate(int(f.Fd()), 0, at, chunk)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if errors.Is(err, syscall.ENOSPC) {
				break
			}
			if err != nil {
				return err
			}
			at += chunk
		}
	}
	return nil
}

// free makes room again.
func (d *disk) free() error { return os.Remove(d.ballast()) }

func (d *disk) close() {
	if d.small {
		_ = syscall.Unmount(d.dir, syscall.MNT_DETACH)
	}
}
