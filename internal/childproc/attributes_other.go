//go:build !linux

package childproc

import "syscall"

// attributes put a child into its own group, so that Ctrl-C reaches it through us only.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func lockThread() {}
