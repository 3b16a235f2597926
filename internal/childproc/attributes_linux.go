package childproc

import (
	"runtime"
	"syscall"
)

// attributes puts a child into its own process group, so that Ctrl-C reaches it only through us, and ends it if we
// are killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// lockThread keeps the calling goroutine, and with it the parent of its children, on one thread until it ends.
func lockThread() { runtime.LockOSThread() }
