package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU time in /proc: a hundredth of a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time that this process and pids, with all their children, have used so far. Unlike wall
// time, it does not grow when others use the machine. It is 0 where there is no /proc.
func cpuTime(pids []int) time.Duration {
	total := ownCPUTime()
	parents := map[int][]int{}
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if f := procStat(pid); err == nil && len(f) > 1 {
			parent, _ := strconv.Atoi(f[1])
			parents[parent] = append(parents[parent], pid)
		}
	}
	for len(pids) > 0 {
		pid := pids[0]
		pids = append(append([]int(nil), pids[1:]...), parents[pid]...)
		f := procStat(pid)
		if len(f) < 15 {
			continue
		}
		for _, field := range f[11:15] { // utime, stime, and those of children that have ended
			n, _ := strconv.ParseInt(field, 10, 64)
			total += time.Duration(n) * tick
		}
	}
	return total
}

// procStat returns the fields of /proc/PID/stat after the name in brackets: state, parent, …
func procStat(pid int) []string {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, rest, _ := strings.Cut(string(data[max(strings.LastIndexByte(string(data), ')'), 0):]), ")")
	return strings.Fields(rest)
}

func ownCPUTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
