package httpapi

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The page must work without internet access: all that it loads is served here, and its
// policy keeps a browser from loading anything else.
func TestDocsLoadNothingFromOtherHosts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	page := fetch(t, a, "/docs")
	references := regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(references) < 4 {
		t.Fatalf("the page has %d references: the test does not find them", len(references))
	}
	for _, ref := range references {
		if !strings.HasPrefix(ref[1], "/docs/") {
			t.Errorf("the page refers to %s", ref[1])
		}
		fetch(t, a, ref[1])
	}
	if regexp.MustCompile(`<script>|<style>|\son\w+=`).MatchString(page) {
		t.Error("the page has inline scripts or styles")
	}
	for _, ref := range regexp.MustCompile(`url\(["']?([^)"']{0,40})`).FindAllStringSubmatch(fetch(t, a, "/docs/swagger-ui.css"), -1) {
		if !strings.HasPrefix(ref[1], "data:") {
			t.Errorf("the style sheet refers to %s", ref[1])
		}
	}
	if script := fetch(t, a, "/docs/init.js"); strings.Contains(script, "://") || !strings.Contains(script, `"/openapi.json"`) {
		t.Errorf("the script refers to something else:\n%s", script)
	}
	policy := answerTo(t, a, "GET", "/docs").Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.ContainsAny(policy, "*") || strings.Contains(policy, "://") || strings.Contains(policy, "http") {
		t.Errorf("the policy is %s", policy)
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	if fetch(t, a, "/openapi.yaml") != string(documentOf(t, a)) {
		t.Error("/openapi.yaml is another document")
	}
	var d openapiDocument
	if err := json.Unmarshal([]byte(fetch(t, a, "/openapi.json")), &d); err != nil || len(d.Paths) < 20 {
		t.Errorf("%d paths, %v", len(d.Paths), err)
	}
}

func TestDocsCanBeClosed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *testOptions) { o.Docs = false })
	for _, path := range []string{"/docs", "/docs/init.js", "/openapi.json", "/openapi.yaml"} {
		if status, _ := problemIn(t, answerTo(t, a, "GET", path)); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// fetch returns the body at a path.
func fetch(t *testing.T, a http.Handler, path string) string {
	t.Helper()
	res := answerTo(t, a, "GET", path)
	if res.Code != http.StatusOK || res.Body.Len() == 0 {
		t.Fatalf("%s: %d, %d bytes", path, res.Code, res.Body.Len())
	}
	return res.Body.String()
}
