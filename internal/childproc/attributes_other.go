//go:build !linux

package childproc

import "syscall"

// attributes puts a child into its own process group, so that Ctrl-C reaches it only through us.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func lockThread() {}
