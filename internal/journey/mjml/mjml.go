// Package mjml compiles MJML to HTML, by the official compiler, which is in this package (mjml-browser-LICENSE.md) and
// runs in an interpreter of JavaScript. It is loaded at the first use, which takes some seconds, and is used when messages are linted
// and published, never when they are sent.
package mjml

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/dop251/goja"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Version is that of the compiler.
const Version = "4.15.3"

//go:embed mjml-browser-4.15.3.js.gz
var compiler []byte

// Problem is a fault of the source. Offset counts bytes.
type Problem struct {
	Offset  int
	Message string
}

// maxSource bounds what is compiled, in bytes.
const maxSource = 256 << 10

// Compile returns the HTML of a source in MJML. Liquid in it is text to MJML and is in the HTML as it was; where it is between
// components, as {% if %} around a section, it needs no mj-raw. With problems there is no HTML. A source is compiled once.
func Compile(source string) (html string, problems []Problem) {
	if len(source) > maxSource {
		return "", []Problem{{0, fmt.Sprintf("the MJML is larger than %d KiB", maxSource>>10)}}
	}
	engine.Lock()
	defer engine.Unlock()
	if r, ok := compiled.Get(source); ok {
		return r.html, r.problems
	}
	html, problems = compile(source)
	compiled.Add(source, result{html, problems})
	return html, problems
}

type result struct {
	html     string
	problems []Problem
}

// compiled keeps what was compiled last, since files are linted again and again while they are written. The engine's mutex guards it.
var compiled = func() *lru.Cache[string, result] {
	cache, err := lru.New[string, result](256)
	if err != nil {
		panic(err) // the size is not positive
	}
	return cache
}()

// engine is the compiler, which does one thing at a time.
var engine struct {
	sync.Mutex
	run goja.Callable // nil before the first use
	vm  *goja.Runtime
}

// prelude is what the compiler expects of a browser or of Node.
const prelude = `var window = this, self = this, module = {exports: {}}, exports = module.exports;
var console = {log() {}, error() {}, warn() {}}, process = {env: {}, cwd() { return '/' }};`

// entry compiles one source. What it throws is a fault of the source, too.
const entry = `(function (source) {
  const compile = module.exports.default || module.exports;
  try {
    const out = compile(source, {validationLevel: 'soft', keepComments: true, fonts: {}});
    return JSON.stringify({html: out.html, errors: out.errors.map(e => ({line: e.line, tag: e.tagName, message: e.message}))});
  } catch (e) {
    return JSON.stringify({html: '', errors: [{line: 0, tag: '', message: String(e.message || e)}]});
  }
})`

// load starts the compiler.
func load() error {
	if engine.run != nil {
		return nil
	}
	r, err := gzip.NewReader(bytes.NewReader(compiler))
	if err != nil {
		return err
	}
	source, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	vm := goja.New()
	vm.SetMaxCallStackSize(2000)
	if _, err := vm.RunString(prelude); err != nil {
		return err
	}
	if _, err := vm.RunScript("mjml-browser", string(source)); err != nil {
		return err
	}
	v, err := vm.RunString(entry)
	if err != nil {
		return err
	}
	run, ok := goja.AssertFunction(v)
	if !ok {
		return errors.New("the entry of the compiler is no function")
	}
	engine.vm, engine.run = vm, run
	return nil
}

// answer is what the compiler returns.
type answer struct {
	HTML   string `json:"html"`
	Errors []struct {
		Line    int    `json:"line"` // from 1; 0: unknown
		Tag     string `json:"tag"`
		Message string `json:"message"`
	} `json:"errors"`
}

// compile compiles a source anew.
func compile(source string) (string, []Problem) {
	d := prepare(source)
	if len(d.problems) > 0 {
		return "", d.problems
	}
	out, err := call(d.text)
	if err != nil {
		return "", []Problem{{d.root, "the compiler of MJML failed: " + err.Error()}}
	}
	var problems []Problem
	for _, e := range out.Errors {
		if strings.Contains(e.Message, holder) {
			continue // a value of Liquid is checked by nothing before it is known
		}
		problems = append(problems, Problem{d.place(e.Line, e.Tag, e.Message), strings.TrimSpace(e.Message)})
	}
	if len(problems) == 0 {
		problems = d.lost(out.HTML)
	}
	if len(problems) > 0 {
		return "", problems
	}
	return d.restore(out.HTML), nil
}

// call runs the compiler.
func call(source string) (*answer, error) {
	if err := load(); err != nil {
		return nil, err
	}
	v, err := engine.run(goja.Undefined(), engine.vm.ToValue(source))
	if err != nil {
		engine.run = nil // what state it is in is not known
		return nil, err
	}
	out := &answer{}
	return out, json.Unmarshal([]byte(v.String()), out)
}
