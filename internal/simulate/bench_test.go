package simulate

import (
	"cmp"
	"os"
	"testing"
)

func BenchmarkScenarios(b *testing.B) {
	content := load(b, cmp.Or(os.Getenv("SIMDIR"), "testdata/language"))
	jobs := everything(content)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		Run(b.Context(), jobs[n%len(jobs)].Content, jobs[n%len(jobs)].Test, jobs[n%len(jobs)].Scenario, Options{})
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scenarios/s")
}
