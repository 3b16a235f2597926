// Package comparison compares the meaning of two journeys folders, files or git revisions, and reports how an edit would
// affect the open enrollments of a gateway.
package comparison

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// Side is a journeys folder as it is, or was.
type Side struct {
	label   string // as the user named it
	only    string // a file's name without folder and extension, where one was named
	message bool   // only is a message
	content *journey.Content
	Errors  source.Diagnostics
}

// ReadSide reads a folder, a file or a revision of git; folder is where a revision without a path looks.
func ReadSide(ctx context.Context, b app.Build, arg, folder string) (*Side, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return readRevision(ctx, b, arg, folder)
	}
	s := &Side{label: arg}
	root := filepath.Clean(arg)
	if !info.IsDir() {
		if ext := filepath.Ext(arg); ext != ".yaml" && ext != ".yml" {
			return nil, app.Usage("%s is not a YAML file", arg)
		}
		root = app.FolderOf(arg)
		s.narrow(filepath.ToSlash(arg))
	}
	files, err := app.ReadFolder(root)
	if err != nil {
		return nil, err
	}
	return s, s.check(b, files)
}

// narrow looks at one file alone.
func (s *Side) narrow(file string) {
	s.only = strings.TrimSuffix(path.Base(file), path.Ext(file))
	s.message = path.Base(path.Dir(file)) == "messages"
}

// check compiles the side.
func (s *Side) check(b app.Build, files []lint.File) error {
	if len(files) == 0 {
		return app.Usage("there is no YAML file in %s", s.label)
	}
	content, found := b.Check(files)
	s.content = content
	for _, d := range found {
		if d.Severity == source.Error {
			s.Errors = append(s.Errors, d)
		}
	}
	return nil
}

// broken returns the journeys and messages that do not compile, by the names of their files.
func (s *Side) broken() []string {
	var out []string
	for _, d := range s.Errors {
		out = append(out, strings.TrimSuffix(path.Base(d.File), path.Ext(d.File)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// brokenRules returns the files of intents, actions, policy and topics that do not compile. Comparing the part that does would
// make the rest look added.
func (s *Side) brokenRules() []string {
	var out []string
	for _, d := range s.Errors {
		switch dir, base := path.Base(path.Dir(d.File)), path.Base(d.File); {
		case dir == "actions":
			out = append(out, "actions/"+base)
		case base == "intents.yaml", base == "policy.yaml", base == "topics.yaml":
			out = append(out, base)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// brokenParts returns the layouts, blocks and defaults of messages that do not compile. The messages that use them do not compile either.
func (s *Side) brokenParts() []string {
	var out []string
	for _, d := range s.Errors {
		dir, base := path.Base(path.Dir(d.File)), path.Base(d.File)
		if lint.IsPart(d.File) || dir == "messages" && base == "_defaults.yaml" {
			out = append(out, strings.TrimPrefix(dir+"/"+base, "messages/"))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// folderOf returns the folder to read from a revision without a path: that of the other side of the comparison.
func folderOf(arg string) string {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return arg
	} else if err == nil {
		return app.FolderOf(arg)
	}
	return "journeys"
}

// readRevision reads REV or REV:path through git.
func readRevision(ctx context.Context, b app.Build, arg, folder string) (*Side, error) {
	rev, inside, explicit := strings.Cut(arg, ":")
	dir := "."
	if _, err := os.Stat(folder); err == nil && !explicit {
		if _, err := runGit(ctx, folder, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}"); err == nil {
			dir = folder
		} else {
			folder = "journeys" // the other side is of another repository, or of none
		}
	}
	git := func(args ...string) ([]byte, error) { return runGit(ctx, dir, nil, args...) }
	commit, err := git("rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		var gone *exec.Error
		if errors.As(err, &gone) {
			return nil, app.Usage("cannot read %s: there is no such file or folder, and git is not installed to look for a revision", arg)
		}
		return nil, app.Usage("cannot read %s: no such file, folder or git revision", arg)
	}
	if !explicit {
		prefix, err := git("rev-parse", "--show-prefix")
		if err != nil {
			return nil, app.Usage("cannot read %s: %w", arg, err)
		}
		if inside = strings.Trim(string(prefix), "/\n"); dir == "." {
			inside = path.Join(inside, filepath.ToSlash(folder))
		}
	}
	inside = strings.TrimSuffix(inside, "/")
	s := &Side{label: rev + ":" + inside}
	tree := strings.TrimSpace(string(commit)) + ":" + inside
	switch kind, err := git("cat-file", "-t", tree); {
	case err != nil:
		return nil, app.Usage("revision %s has no %s: name the folder as %s:path/from/the/root", rev, inside, rev)
	case strings.TrimSpace(string(kind)) == "blob":
		s.narrow(inside)
		tree = strings.TrimSpace(
			string(commit),
		) + ":" + strings.TrimSuffix(
			strings.TrimPrefix(path.Clean(filepath.ToSlash(app.FolderOf(inside))), "."),
			"/",
		)
	}
	files, err := readTree(ctx, dir, tree, rev)
	if err != nil {
		return nil, err
	}
	return s, s.check(b, files)
}

// readTree reads the files of a tree of git that lint reads.
func readTree(ctx context.Context, dir, tree, rev string) ([]lint.File, error) {
	listed, err := runGit(ctx, dir, nil, "ls-tree", "-r", "-z", "--long", "--full-tree", tree)
	if err != nil {
		return nil, app.Usage("cannot read %s: %w", rev, err)
	}
	_, root, _ := strings.Cut(tree, ":")
	var files []lint.File
	var ask bytes.Buffer
	for line := range strings.SplitSeq(string(listed), "\x00") {
		about, name, _ := strings.Cut(line, "\t")
		f := strings.Fields(about) // mode, kind, object, size
		if len(f) != 4 || f[1] != "blob" || f[0] == "120000" || !lint.IsSource(name) || hidden(name) {
			continue
		}
		if size, err := strconv.Atoi(f[3]); err != nil || size > app.MaxFile {
			return nil, app.Usage("%s:%s has %s bytes; a journey file has at most %d", rev, path.Join(root, name), f[3], app.MaxFile)
		}
		ask.WriteString(f[2] + "\n")
		at := rev + ":" + root
		files = append(files, lint.File{Root: at, Name: strings.TrimSuffix(at, "/") + "/" + name})
	}
	if len(files) == 0 {
		return nil, nil
	}
	data, err := runGit(ctx, dir, &ask, "cat-file", "--batch")
	if err != nil {
		return nil, app.Usage("cannot read %s: %w", rev, err)
	}
	for i := range files { // "<object> blob <size>", the bytes, an end of line
		head, rest, ok := bytes.Cut(data, []byte("\n"))
		f := bytes.Fields(head)
		if !ok || len(f) != 3 {
			return nil, app.Usage("cannot read %s: git does not return it", files[i].Name)
		}
		size, err := strconv.Atoi(string(f[2]))
		if err != nil || size+1 > len(rest) {
			return nil, app.Usage("cannot read %s: the output of git ends early", files[i].Name)
		}
		files[i].Data, data = rest[:size], rest[size+1:]
	}
	return files, nil
}

// hidden reports whether a file or one of its folders begins with a dot.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") })
}

// runGit runs git in a folder and returns its output.
func runGit(ctx context.Context, dir string, in *bytes.Buffer, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	if in != nil {
		c.Stdin = in
	}
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && said.Len() > 0 {
		return nil, errors.New(strings.TrimSpace(said.String()))
	}
	return out, err
}
