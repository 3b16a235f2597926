package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// disk is the small disk of the store, a tmpfs, which can be filled.
type disk struct {
	dir  string
	size int64
}

// newDisk mounts it. It needs the right to mount, or a user namespace of one's own.
func newDisk(dir string, size int64) (*disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if said, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=0755", size), "tmpfs", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("a small disk for the store cannot be mounted (run as root, or under `unshare --map-root-user --mount`): %w: %s", err, said)
	}
	return &disk{dir: dir, size: size}, nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no page free.
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

// free gives the room back.
func (d *disk) free() error { return os.Remove(d.ballast()) }

func (d *disk) close() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) }
