package importer

import "fmt"

// maxNamed is how many refused calls are named, and how many warnings.
const maxNamed = 20

// reject counts a refused call and says which it is.
func (in *Import) reject(line int, message string) {
	in.report.Rejected++
	if in.Warn == nil || in.report.Rejected > maxNamed {
		return
	}
	in.Warn(fmt.Sprintf("%s:%d: refused: %s", in.File, line, message))
	if in.report.Rejected == maxNamed {
		in.Warn("more refused calls are only counted; tabi rejected list shows the latest")
	}
}

// doubt counts a part of an accepted call that had no effect, and says which it is.
func (in *Import) doubt(call, warning string) {
	in.report.Warnings++
	if in.Warn == nil || in.report.Warnings > maxNamed {
		return
	}
	in.Warn(fmt.Sprintf("%s: call %s: %s", in.File, call, warning))
	if in.report.Warnings == maxNamed {
		in.Warn("more warnings are only counted")
	}
}
