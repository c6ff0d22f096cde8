package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

func TestEntityTags(t *testing.T) {
	t.Parallel()
	hash := cache.HashOf([]byte("test"))
	for want, test := range map[string]struct {
		version  int64
		encoding string
	}{
		`"9f86d081884c7d65"`:          {0, ""},
		`"9f86d081884c7d65-gzip"`:     {0, "gzip"},
		`"7.9f86d081884c7d65"`:        {7, ""},
		`"12345.9f86d081884c7d65-br"`: {12345, "br"},
	} {
		got := entityTag(test.version, hash, test.encoding)
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if v, ours := versionOf(got); v != test.version && ours || ours != (test.version != 0) {
			t.Errorf("the version of %s is %d, %v", got, v, ours)
		}
	}
	for _, foreign := range []string{`""`, `"7"`, `"7."`, `".9f86d081884c7d65"`, `"x.9f86d081884c7d65"`, `"7.9f86"`, `"99999999999999999999.9f86d081884c7d65"`} {
		if v, ours := versionOf(foreign); ours {
			t.Errorf("%s is taken for version %d", foreign, v)
		}
	}
}

func TestMatchesTag(t *testing.T) {
	t.Parallel()
	const tag = `"7.9f86d081884c7d65-br"`
	hundred := strings.Repeat(`"another", `, 100)
	for name, test := range map[string]struct {
		lines          []string
		weakly, strong bool
	}{
		"Same":             {[]string{tag}, true, true},
		"Weak":             {[]string{"W/" + tag}, true, false},
		"Star":             {[]string{" * "}, true, true},
		"AmongOthers":      {[]string{`"a", ` + tag + ` ,"b"`}, true, true},
		"AmongHundred":     {[]string{hundred + tag}, true, true},
		"OnAnotherLine":    {[]string{`"a"`, "", "," + tag}, true, true},
		"WithCommaInside":  {[]string{`"a,` + "\xe9" + `",` + tag}, true, true},
		"OtherEncoding":    {[]string{`"7.9f86d081884c7d65", "7.9f86d081884c7d65-gzip"`}, false, false},
		"OtherVersion":     {[]string{`"8.9f86d081884c7d65-br"`}, false, false},
		"Unquoted":         {[]string{strings.Trim(tag, `"`)}, false, false},
		"Unclosed":         {[]string{strings.TrimSuffix(tag, `"`)}, false, false},
		"LowerCaseWeak":    {[]string{"w/" + tag}, false, false},
		"AfterNonsense":    {[]string{"nonsense, " + tag}, false, false},
		"WithoutComma":     {[]string{`"a" ` + tag}, false, false},
		"Within":           {[]string{`"x` + strings.Trim(tag, `"`) + `"`}, false, false},
		"HundredOthers":    {[]string{hundred}, false, false},
		"Empty":            {[]string{""}, false, false},
		"WeakAndNoMore":    {[]string{"W/"}, false, false},
		"QuoteAndNoMore":   {[]string{`"`}, false, false},
		"NotTheWholeOfOne": {[]string{tag + "x"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := matchesTag(test.lines, tag, false); got != test.weakly {
				t.Errorf("weakly %v, want %v", got, test.weakly)
			}
			if got := matchesTag(test.lines, tag, true); got != test.strong {
				t.Errorf("strongly %v, want %v", got, test.strong)
			}
		})
	}
}

func TestExpectedVersion(t *testing.T) {
	t.Parallel()
	const hash = "9f86d081884c7d65"
	for name, test := range map[string]struct {
		match, unlike string
		want          crm.VersionCondition
		unreadable    string // the header that is
	}{
		"Nothing":           {"-", "-", crm.VersionCondition{}, ""},
		"Any":               {"*", "-", (crm.VersionCondition{}).Existing(), ""},
		"One":               {`"7.` + hash + `"`, "-", crm.VersionIn(7), ""},
		"Several":           {`"7.` + hash + `-br", "8.` + hash + `"`, "-", crm.VersionIn(7, 8), ""},
		"Weak":              {`W/"7.` + hash + `"`, "-", crm.VersionIn(), ""},
		"List":              {`"` + hash + `"`, "-", crm.VersionIn(), ""},
		"Foreign":           {`"abc"`, "-", crm.VersionIn(), ""},
		"None":              {"-", "*", (crm.VersionCondition{}).New(), ""},
		"Unlike":            {"-", `W/"7.` + hash + `-gzip"`, crm.VersionNotIn(7), ""},
		"Both":              {`"7.` + hash + `", "8.` + hash + `"`, `"8.` + hash + `"`, crm.VersionIn(7), ""},
		"OneAndNone":        {`"7.` + hash + `"`, "*", crm.VersionIn(7).New(), ""},
		"Unquoted":          {"7." + hash, "-", crm.VersionCondition{}, "If-Match"},
		"Empty":             {"", "-", crm.VersionCondition{}, "If-Match"},
		"StarAmongOthers":   {`*, "7.` + hash + `"`, "-", crm.VersionCondition{}, "If-Match"},
		"OthersAndStar":     {`"7.` + hash + `", *`, "-", crm.VersionCondition{}, "If-Match"},
		"UnreadableInverse": {"-", `"7`, crm.VersionCondition{}, "If-None-Match"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPatch, "/", http.NoBody)
			for header, value := range map[string]string{"If-Match": test.match, "If-None-Match": test.unlike} {
				if value != "-" {
					r.Header.Set(header, value)
				}
			}
			got, err := expectedVersion(r)
			if test.unreadable != "" {
				if err == nil || ProblemOf(err).Status != 400 || !strings.HasPrefix(err.Error(), test.unreadable+" ") {
					t.Errorf("got %v", err)
				}
				return
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(crm.VersionCondition{})); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
