package contract

import "testing"

// TestPlainMarkdown: names and words of others make no picture, no link and no HTML in the Temporal UI.
func TestPlainMarkdown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Order Completed":                    "Order Completed",
		"![x](http://evil.example/x.png)":    "! [x] (http://evil.example/x.png)",
		"[refund](javascript:alert(1)) by O": "[refund] (javascript:alert(1)) by O",
		"[a][b]\n[b]: http://evil.example":   "[a] [b] [b] : http://evil.example",
		"<img src=x>":                        "‹img src=x›",
		"x\n\n# big":                         "x  # big",
	} {
		if got := PlainMarkdown(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if got := Summary(text); got != want {
			t.Errorf("the summary %q becomes %q, want %q", text, got, want)
		}
	}
}
