//go:build !linux

package app

import "syscall"

// childAttributes put a child into its own group, so that Ctrl-C reaches it through us only.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func lockThread() {}
