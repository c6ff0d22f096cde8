package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/goldentest"
	"sixty/internal/servertest"
)

const root = "../.."

// maxNotRun bounds the blocks of all documents that are marked as not run.
const maxNotRun = 4

// oldDashboard is what the documents adopt.
const oldDashboard = `
CREATE TABLE profiles (id uuid, first_name text, email text);
INSERT INTO profiles VALUES ('00000000-0000-4000-8000-0000000000a1', 'Ada', 'ada@old.example');
CREATE TABLE companies (id uuid, name text, owner_id uuid);
INSERT INTO companies VALUES ('00000000-0000-4000-8000-0000000000c1', 'Acme', '00000000-0000-4000-8000-0000000000a1')`

// databases are the URLs in the documents, and what stands in for them.
var databases = map[string]func(t *testing.T) string{
	"postgres://sixty:secret@db.example/sixty":       func(t *testing.T) string { t.Helper(); return servertest.PostgresURL(t) },
	"postgres://reader:secret@old.example/dashboard": func(t *testing.T) string { t.Helper(); url, _ := database(t, oldDashboard); return url },
}

// A document is a Markdown file: the README or one of docs.
type document struct {
	name   string // from the root
	lines  []string
	blocks []block
}

// A block is fenced code.
type block struct {
	line     int    // of the fence
	language string // sh, sql or text
	notRun   string // why it is not run
	text     string
}

var fence = regexp.MustCompile("^```(.*)$")

func readDocument(t *testing.T, name string) *document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{name: name}
	var open *block
	for i, line := range strings.Split(string(text), "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m == nil && open != nil:
			open.text += line + "\n"
		case m == nil:
			if strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t") {
				t.Errorf("%s:%d: indented code; use a fenced block with a language", name, i+1)
			}
			d.lines = append(d.lines, line)
		case open != nil:
			d.blocks = append(d.blocks, *open)
			open = nil
		default:
			language, mark, marked := strings.Cut(m[1], " ")
			open = &block{line: i + 1, language: language}
			if open.notRun = strings.TrimPrefix(mark, "norun: "); marked && (open.notRun == mark || open.notRun == "") {
				t.Errorf("%s:%d: %q after the language; it can be \"norun: REASON\"", name, i+1, mark)
			}
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the block does not end", name, open.line)
	}
	return d
}

func readDocuments(t *testing.T) []*document {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files in docs: %v", len(paths), err)
	}
	all := []*document{readDocument(t, "README.md")}
	for _, path := range paths {
		all = append(all, readDocument(t, "docs/"+filepath.Base(path)))
	}
	return all
}

// TestDocuments runs the commands of every document, in their order.
func TestDocuments(t *testing.T) {
	t.Parallel()
	notRun := 0
	for _, d := range readDocuments(t) {
		script := ""
		for _, b := range d.blocks {
			switch {
			case b.notRun != "":
				notRun++
				t.Logf("%s:%d is not run: %s", d.name, b.line, b.notRun)
			case b.language == "sh":
				script += fmt.Sprintf(": %s:%d\n%s", d.name, b.line, b.text)
			case b.language != "text":
				t.Errorf("%s:%d: a block of the language %q is not run; mark it \"norun: REASON\", or as text if it holds no commands", d.name, b.line, b.language)
			}
		}
		if script == "" {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(d.name), ".md"), func(t *testing.T) {
			t.Parallel()
			runDocument(t, script)
		})
	}
	if notRun > maxNotRun {
		t.Errorf("%d blocks are not run, want at most %d", notRun, maxNotRun)
	}
}

// prelude has make check its targets, and serve run in the background once it is ready.
const prelude = `set -euo pipefail
make() { command make --dry-run --directory "$ROOT" "$@" >/dev/null; }
server=
stop() { if [[ -n $server ]]; then kill "$server"; wait "$server" || true; fi; }
trap stop EXIT
sixty() {
	if [[ $1 != serve ]]; then
		command sixty "$@"
		return
	fi
	stop
	command sixty "$@" >>serve.log 2>&1 &
	server=$!
	until curl "http://127.0.0.1:$PORT/readyz" >/dev/null 2>&1; do
		if ! kill -0 "$server"; then
			cat serve.log
			exit 1
		fi
		sleep 0.05
	done
}
set -v
`

// runDocument runs a script in a folder with the files of the import fixture, and the exports of
// another system.
func runDocument(t *testing.T, script string) {
	t.Helper()
	for text, url := range databases {
		if strings.Contains(script, text) {
			script = strings.ReplaceAll(script, text, url(t))
		}
	}
	port := unusedPort(t)
	script = strings.ReplaceAll(script, "127.0.0.1:8000", "127.0.0.1:"+port)
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for from, to := range map[string]string{"crm-sales-opportunities": dir, "presets/hubspot": filepath.Join(dir, "exports")} {
		if err := os.CopyFS(to, os.DirFS(filepath.Join(root, "internal", "transfer", "testdata", from))); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", prelude+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PORT="+port, "ROOT="+top)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// curl stands in for the program of that name, with the flags that the documents use. As
// with --fail, it fails if the status is an error.
func curl() {
	flags := flag.NewFlagSet("curl", flag.ExitOnError)
	header := http.Header{}
	flags.Func("H", "header", func(line string) error {
		name, value, _ := strings.Cut(line, ":")
		header.Add(name, strings.TrimSpace(value))
		return nil
	})
	flags.Bool("L", true, "follow redirects, as it does anyway")
	method, body, include := flags.String("X", "GET", "method"), flags.String("d", "", "body"), flags.Bool("i", false, "print the header")
	err := flags.Parse(os.Args[1:])
	if err == nil {
		err = fetch(*method, flags.Arg(0), header, *body, *include)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "curl:", err)
		os.Exit(1)
	}
}

func fetch(method, url string, header http.Header, body string, include bool) error {
	req, err := http.NewRequest(method, url, strings.NewReader(body)) //nolint:noctx // it ends with the program
	if err != nil {
		return err
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if include {
		_ = res.Header.Write(os.Stdout)
	}
	if _, err = io.Copy(os.Stdout, res.Body); err == nil && res.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	return err
}

var (
	link     = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	variable = regexp.MustCompile(`\bSIXTY_[A-Z_]*[A-Z]\b`)
	path     = regexp.MustCompile("`((?:api|bench|cmd|docs|drill|internal|scripts)/[^`]*)`")
	notWord  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors returns the anchors of a document's headings, as GitHub makes them.
func (d *document) anchors() []string {
	var all []string
	for _, line := range d.lines {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			all = append(all, strings.ReplaceAll(notWord.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-"))
		}
	}
	return all
}

// TestPackagesAreDocumented: the README names every package of internal.
func TestPackagesAreDocumented(t *testing.T) {
	t.Parallel()
	text := strings.Join(readDocument(t, "README.md").lines, "\n")
	packages, err := os.ReadDir(filepath.Join(root, "internal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		if !strings.Contains(text, "`internal/"+p.Name()+"`") {
			t.Errorf("README.md does not name internal/%s", p.Name())
		}
	}
}

// TestDocumentReferences: links and paths lead to files, and settings exist.
func TestDocumentReferences(t *testing.T) {
	t.Parallel()
	known := append(config.Variables(), "SIXTY_ADOPT_FROM", "SIXTY_TEST_DATASET", servertest.PostgresEnv, servertest.RedisEnv, servertest.EnginesEnv)
	for _, d := range readDocuments(t) {
		text := strings.Join(d.lines, "\n")
		for _, b := range d.blocks {
			text += b.text
		}
		for _, name := range variable.FindAllString(text, -1) {
			if !slices.Contains(known, strings.TrimSuffix(name, fileSuffix)) {
				t.Errorf("%s: there is no setting %s", d.name, name)
			}
		}
		for _, m := range path.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor := m[1], m[2]
			if strings.Contains(target, "://") {
				continue
			}
			file := filepath.Join(filepath.Dir(d.name), target)
			if target == "" {
				file = d.name
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s: link to %s: %v", d.name, target, err)
			} else if anchor != "" && !slices.Contains(headings(t, file).anchors(), anchor) {
				t.Errorf("%s: %s has no heading #%s", d.name, file, anchor)
			}
		}
	}
}

// headings reads a document for its headings alone: those of others may have any code.
func headings(t *testing.T, path string) *document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return &document{name: path, lines: strings.Split(string(text), "\n")}
}

// TestSettingsPage compares docs/settings.md with the settings.
func TestSettingsPage(t *testing.T) {
	t.Parallel()
	page := "# Settings\n\nGenerated from `internal/config` by `make update`. The flag wins over the environment variable.\n"
	for _, group := range []struct {
		title    string
		settings any
	}{{"Every command", config.Base{}}, {"The server", config.Server{}}} {
		page += "\n## " + group.title + "\n\n| variable | flag | default | |\n|---|---|---|---|\n" + settingsTable(reflect.TypeOf(group.settings))
	}
	goldentest.Compare(t, filepath.Join(root, "docs", "settings.md"), page)
}

func settingsTable(settings reflect.Type) (rows string) {
	for i := range settings.NumField() {
		f := settings.Field(i)
		if f.Anonymous {
			rows += settingsTable(f.Type)
			continue
		}
		if _, hidden := f.Tag.Lookup("hidden"); hidden {
			continue
		}
		value := f.Tag.Get("default")
		if value != "" {
			value = "`" + value + "`"
		}
		rows += "| `" + f.Tag.Get("env") + "` | `--" + f.Tag.Get("name") + "` | " + value + " | " + f.Tag.Get("help") + " |\n"
	}
	return rows
}
