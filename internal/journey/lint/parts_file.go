package lint

import (
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// partFile is a layout (messages/_layouts/x.html) or a block (messages/_blocks/x.liquid).
type partFile struct {
	check  *fileCheck
	layout bool
	name   string
	reads  []string              // the first parts of the names that it reads
	blocks map[string]source.Pos // the blocks that it renders, and where first
	given  map[string]bool       // parameters that something gives to the block
	params []string              // names that only a parameter can mean
	used   atomic.Bool
	broken bool
}

// key returns the key of the part in a message.
func (p *partFile) key() string {
	if p.layout {
		return journey.LayoutKey(p.name)
	}
	return journey.BlockKey(p.name)
}

// Extensions of layouts and blocks.
const (
	layoutExt = ".html"
	blockExt  = ".liquid"
)

// IsSource reports whether a file of a journeys folder is read: YAML, layouts and blocks.
func IsSource(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml" || IsPart(name)
}

// IsPart reports whether a file is among the layouts and blocks of messages, or in a folder where they are not looked for.
func IsPart(name string) bool {
	folders := strings.Split(path.Dir(name), "/")
	return slices.Contains(folders, "_layouts") || slices.Contains(folders, "_blocks")
}

// inPlace reports whether a layout or block is in messages/_layouts or messages/_blocks itself.
func inPlace(name string) bool {
	dir := path.Dir(name)
	base := path.Base(dir)
	return (base == "_layouts" || base == "_blocks") && path.Base(path.Dir(dir)) == "messages"
}

func partRole(name string) role {
	switch inLayouts := path.Base(path.Dir(name)) == "_layouts"; {
	case !inPlace(name):
		return roleMisplaced
	case inLayouts && path.Ext(name) == layoutExt:
		return roleLayout
	case !inLayouts && path.Ext(name) == blockExt:
		return roleBlock
	}
	return roleMisplaced
}

// claimPart registers a layout or block under its file's name.
func (f *fileCheck) claimPart() {
	base := path.Base(f.File)
	name := strings.TrimSuffix(base, path.Ext(base))
	if f.role == roleMisplaced {
		if !inPlace(f.File) {
			f.Report(source.Pos{Line: 1, Col: 1}, "name-mismatch", "",
				"layouts are files of messages/_layouts itself, and blocks of messages/_blocks: a folder within is not read")
			return
		}
		want := name + blockExt
		if path.Base(path.Dir(f.File)) == "_layouts" {
			want = name + layoutExt
		}
		f.Report(source.Pos{Line: 1, Col: 1}, "name-mismatch", want,
			"messages/_layouts holds files .html, and messages/_blocks files .liquid")
		return
	}
	f.part = &partFile{
		check: f, layout: f.role == roleLayout, name: name, broken: f.Root == nil,
		blocks: map[string]source.Pos{}, given: map[string]bool{},
	}
	if f.part.layout {
		f.layouts[name] = f.part
	} else {
		f.blocks[name] = f.part
	}
}

// partFile checks a layout or block alone.
func (f *fileCheck) partFile() {
	p := f.part
	if p == nil || p.broken {
		return
	}
	checked := f.template(f.Root, true, false)
	p.reads = checked.Reads
	if f.addresses(f.Root); p.layout && f.Errors == 0 && !slices.Contains(p.reads, "content") {
		f.Report(f.Root.Pos, "bad-template", "", "the layout does not say where the message goes: it needs {{ content }}")
	}
	for _, root := range p.reads {
		if !p.layout && !slices.Contains(templateRoots, root) {
			p.params = append(p.params, root)
		}
	}
	p.broken = f.Errors > 0
}

// defaultsFile reads messages/_defaults.yaml: who mails are from, and their layout.
func (f *fileCheck) defaultsFile() {
	if f.Root == nil {
		return
	}
	m := f.Mapping(f.Root, "a file of defaults")
	if m == nil {
		return
	}
	out := map[string]journey.Treatment{}
	for _, spec := range f.Opts.Channels {
		fields := slices.DeleteFunc(slices.Clone(spec.Fields), func(field channel.Field) bool {
			return field.Form != channel.FormLayout && field.Form != channel.FormSender
		})
		if len(fields) == 0 {
			continue
		}
		n := m.Get(spec.Name)
		if n == nil {
			continue
		}
		if one := f.Mapping(n, "the defaults of "+spec.Name); one != nil {
			out[spec.Name] = journey.Treatment{}
			for _, field := range fields {
				if value := one.Get(field.Name); value != nil {
					if text, ok := f.field(value, spec, field); ok {
						out[spec.Name][field.Name] = text
					}
				}
			}
			one.Done()
		}
	}
	m.Done()
	f.Folder.defaults = out
}

// withDefaults adds to a message what messages/_defaults.yaml says for its channels. A message without html has no layout.
func (f *fileCheck) withDefaults(m *journey.Message) {
	for _, spec := range f.Opts.Channels {
		own := m.Treatments[spec.Name]
		if own == nil {
			continue
		}
		for _, field := range spec.Fields {
			value, ok := f.defaults[spec.Name][field.Name]
			if _, has := own[field.Name]; ok && !has && (field.Form != channel.FormLayout || m.HasField(spec.Name, "html")) {
				own[field.Name] = value
			}
		}
	}
}

// hasDefaults reports whether a compiled message has a treatment that messages/_defaults.yaml adds to.
func (f *fileCheck) hasDefaults() bool {
	for name := range f.defaults {
		if f.message.message.Treatments[name] != nil {
			return true
		}
	}
	return false
}

// layoutNamed reads the name of a layout. Empty: none.
func (f *fileCheck) layoutNamed(n *source.Node) (string, bool) {
	name, ok := f.Text(n, "layout")
	if !ok || name == "" {
		return "", ok
	}
	known := slices.Collect(maps.Keys(f.layouts))
	part := f.layouts[name]
	if part == nil {
		hint := human.Suggest(name, known)
		f.use(f.layouts[hint])
		f.Report(n.Pos, "unknown-block", hint, "there is no layout %q (messages/_layouts/%s%s)", name, name, layoutExt)
		return "", false
	}
	f.use(part)
	return name, true
}

// use notes that something names a part; nil is no part. One that a hint names is used once the name is fixed.
func (*fileCheck) use(p *partFile) {
	if p != nil {
		p.used.Store(true)
	}
}

// blocksRendered checks the blocks that the templates of a file render, and their parameters.
func (f *fileCheck) blocksRendered() {
	before := f.Errors
	known := slices.Collect(maps.Keys(f.blocks))
	for _, use := range f.templates {
		for _, r := range use.renders {
			block := f.blocks[r.Block.Text]
			if block == nil {
				hint := human.Suggest(r.Block.Text, known)
				f.use(f.blocks[hint])
				f.Report(use.at(r.Block.Offset), "unknown-block", hint,
					"there is no block %[1]q (messages/_blocks/%[1]s%[2]s)", r.Block.Text, blockExt)
				continue
			}
			f.use(block)
			if f.part != nil {
				if _, seen := f.part.blocks[block.name]; !seen {
					f.part.blocks[block.name] = use.at(r.Block.Offset)
				}
			}
			if r.Alias != "" {
				block.given[r.Alias] = true
			}
			for _, param := range r.Params {
				block.given[param.Text] = true
				if !block.broken && !slices.Contains(block.reads, param.Text) {
					f.Report(use.at(param.Offset), "bad-template", human.Suggest(param.Text, block.params),
						"the block %q does not read %q", block.name, param.Text)
				}
			}
		}
	}
	if f.Errors > before {
		f.drop()
	}
}

// drop takes the message or part out of what compiled.
func (f *fileCheck) drop() {
	switch {
	case f.part != nil:
		f.part.broken = true
	case f.message != nil && f.message.message != nil:
		delete(f.Content.Messages, f.message.message.Name)
	}
}

// blockCircles reports blocks that render each other, at the reference in the file that sorts last.
func (c *Folder) blockCircles() {
	const open, done = 1, 2
	state := map[*partFile]int{}
	var path []*partFile
	var visit func(p *partFile)
	visit = func(p *partFile) {
		state[p] = open
		path = append(path, p)
		for _, name := range slices.Sorted(maps.Keys(p.blocks)) {
			switch next := c.blocks[name]; state[next] {
			case 0:
				visit(next)
			case open:
				circle := path[slices.Index(path, next):]
				c.reportCircle(circle)
			}
		}
		path = path[:len(path)-1]
		state[p] = done
	}
	for _, name := range slices.Sorted(maps.Keys(c.blocks)) {
		if p := c.blocks[name]; state[p] == 0 {
			visit(p)
		}
	}
}

func (c *Folder) reportCircle(circle []*partFile) {
	last := 0
	for i, p := range circle {
		if p.check.File > circle[last].check.File {
			last = i
		}
		p.broken = true
	}
	from, to := circle[last], circle[(last+1)%len(circle)]
	if from == to {
		from.check.Report(from.blocks[to.name], "endless-loop", "", "the block %q renders itself", to.name)
		return
	}
	var names []string
	for i := range circle {
		names = append(names, circle[(last+1+i)%len(circle)].name)
	}
	from.check.Report(from.blocks[to.name], "endless-loop", "", "the blocks render each other without end: %s, and %s again",
		strings.Join(names, ", "), names[0])
}

// partsOf returns the layouts and blocks that a compiled message uses, each once. ok is false if one is broken or not there.
func (f *fileCheck) partsOf() (parts []*partFile, ok bool) {
	ok = true
	var add func(p *partFile)
	add = func(p *partFile) {
		switch {
		case p == nil || p.broken:
			ok = false
		case !slices.Contains(parts, p):
			parts = append(parts, p)
			for _, name := range slices.Sorted(maps.Keys(p.blocks)) {
				add(f.blocks[name])
			}
		}
	}
	f.message.message.EachTreatment(func(_ string, t journey.Treatment) {
		if name := t[layoutKey]; name != "" {
			add(f.layouts[name])
		}
	})
	for _, use := range f.templates {
		for _, r := range use.renders {
			add(f.blocks[r.Block.Text])
		}
	}
	return parts, ok
}

// layoutKey is the field of a treatment that names a layout.
const layoutKey = "layout"

// attachParts adds to a compiled message the layouts and blocks that it uses. A message without one of them does not compile.
func (f *fileCheck) attachParts() {
	if f.message == nil || f.message.message == nil {
		return
	}
	parts, ok := f.partsOf()
	if !ok {
		f.drop()
		return
	}
	for _, p := range parts {
		if f.message.message.Parts == nil {
			f.message.message.Parts = map[string]string{}
		}
		f.message.message.Parts[p.key()] = p.check.Root.Text
	}
}

// unusedParts warns about layouts and blocks that nothing names, unless a file that could not be read may name them.
func (c *Folder) unusedParts(namers []*fileCheck) {
	if slices.ContainsFunc(namers, func(f *fileCheck) bool { return f.Root == nil || f.Partial }) {
		return
	}
	for _, parts := range []map[string]*partFile{c.layouts, c.blocks} {
		for _, name := range slices.Sorted(maps.Keys(parts)) {
			if p := parts[name]; !p.used.Load() {
				what := "no message, layout or block renders the block %q"
				if p.layout {
					what = "no message has the layout %q"
				}
				p.check.Report(source.Pos{Line: 1, Col: 1}, "unused-block", "", what, name)
			}
		}
	}
}
