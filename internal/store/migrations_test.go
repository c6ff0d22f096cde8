package store

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// firstAdditive is the number of the first migration that had to be additive.
const firstAdditive = 15

// notAdditive finds what an instance of the release before could not work with.
var notAdditive = regexp.MustCompile(`(?i)\bDROP\s+(TABLE|COLUMN|VIEW|FUNCTION|TRIGGER)\b|\bRENAME\b|\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+NOT\s+NULL|TYPE)\b`)

// requiredColumn finds a column that is added to a table and that older instances leave out.
var requiredColumn = regexp.MustCompile(`(?is)\bADD\s+COLUMN\b[^;,]*\bNOT\s+NULL\b[^;,]*`)

func TestMigrationsAreAdditive(t *testing.T) {
	t.Parallel()
	names := map[string][]string{}
	for _, engine := range []string{"sqlite", "postgres"} {
		files, err := filepath.Glob(filepath.Join(engine, "migrations", "*.sql"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no migrations of %s: %v", engine, err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			names[engine] = append(names[engine], name)
			number, _, _ := strings.Cut(name, "_")
			if n, err := strconv.Atoi(number); err != nil || n < firstAdditive {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, flaw := range flawsOf(string(text)) {
				t.Errorf("%s: %s", file, flaw)
			}
		}
	}
	if !slices.Equal(names["sqlite"], names["postgres"]) {
		t.Errorf("SQLite has the migrations %v, PostgreSQL %v", names["sqlite"], names["postgres"])
	}
}

// flawsOf returns the parts of a migration that are not additive.
func flawsOf(text string) []string {
	flaws := notAdditive.FindAllString(replacedTriggers(text), -1)
	for _, column := range requiredColumn.FindAllString(text, -1) {
		if !strings.Contains(strings.ToUpper(column), "DEFAULT") {
			flaws = append(flaws, column)
		}
	}
	return flaws
}

// droppedTrigger finds a trigger that is dropped.
var droppedTrigger = regexp.MustCompile(`(?i)\bDROP\s+TRIGGER\s+IF\s+EXISTS\s+(\w+);`)

// replacedTriggers returns a migration without those drops of triggers after which it creates them
// again.
func replacedTriggers(text string) string {
	for _, at := range slices.Backward(droppedTrigger.FindAllStringSubmatchIndex(text, -1)) {
		if strings.Contains(text[at[1]:], "CREATE TRIGGER "+text[at[2]:at[3]]+" ") {
			text = text[:at[0]] + text[at[1]:]
		}
	}
	return text
}

func TestFlawsOfMigrations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"CREATE TABLE a (b text NOT NULL)":                             0,
		"ALTER TABLE a ADD COLUMN b text":                              0,
		"ALTER TABLE a ADD COLUMN b text NOT NULL DEFAULT ''":          0,
		"DROP INDEX IF EXISTS a_b":                                     0,
		"ALTER TABLE a ADD COLUMN b text NOT NULL":                     1,
		"ALTER TABLE a ADD COLUMN IF NOT EXISTS b\ntext\nNOT NULL;":    1,
		"ALTER TABLE a DROP COLUMN b":                                  1,
		"DROP TABLE IF EXISTS a":                                       1,
		"alter table a rename to b":                                    1,
		"ALTER TABLE a ALTER COLUMN b SET NOT NULL":                    1,
		"DROP TRIGGER IF EXISTS a;":                                    1,
		"DROP TRIGGER IF EXISTS a; CREATE TRIGGER b AFTER INSERT ON c": 1,
		"DROP TRIGGER IF EXISTS a; CREATE TRIGGER a AFTER INSERT ON c": 0,
	} {
		if got := flawsOf(text); len(got) != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
