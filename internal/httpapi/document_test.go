package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"sixty/internal/goldentest"
)

// documentPath is the committed API document.
const documentPath = "../../api/openapi.yaml"

func documentOf(t *testing.T, a testAPI) []byte {
	t.Helper()
	document, err := a.Document()
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestNewRequiresItsOptions(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil {
		t.Error("New succeeds without options")
	}
}

// The committed document changes only on purpose: go generate ./internal/httpapi.
func TestAPIDocumentIsCurrent(t *testing.T) {
	t.Parallel()
	goldentest.Compare(t, documentPath, string(documentOf(t, newAPI(t))))
}

func TestAPIDocumentIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	if !bytes.Equal(documentOf(t, newAPI(t)), documentOf(t, newAPI(t))) {
		t.Error("two documents of the same program differ")
	}
}

// openapiDocument is as much of an API document as the tests read.
type openapiDocument struct {
	OpenAPI    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas    map[string]json.RawMessage `json:"schemas"`
		Responses  map[string]json.RawMessage `json:"responses"`
		Headers    map[string]json.RawMessage `json:"headers"`
		Parameters map[string]json.RawMessage `json:"parameters"`
	} `json:"components"`
}

func TestAPIDocumentRefersOnlyToWhatItHas(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(newAPI(t).openAPI)
	if err != nil {
		t.Fatal(err)
	}
	var d openapiDocument
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.OpenAPI != "3.1.0" {
		t.Errorf("openapi = %q, want 3.1.0", d.OpenAPI)
	}
	refs := 0
	for _, part := range strings.Split(string(text), `"$ref":"#/components/`)[1:] {
		refs++
		target, _, _ := strings.Cut(part, `"`)
		kind, name, _ := strings.Cut(target, "/")
		known := map[string]map[string]json.RawMessage{
			"schemas": d.Components.Schemas, "responses": d.Components.Responses,
			"headers": d.Components.Headers, "parameters": d.Components.Parameters,
		}[kind]
		if body, ok := known[name]; !ok || string(body) == "null" {
			t.Errorf("%s is referred to, but missing", target)
		}
	}
	if refs < 100 {
		t.Errorf("found %d references: the test does not find them", refs)
	}
}

func TestEveryOperationDocumentsItsProblems(t *testing.T) {
	t.Parallel()
	for path, item := range newAPI(t).openAPI.Paths {
		for method, op := range map[string]any{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
			http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		} {
			text, err := json.Marshal(op)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) == "null" {
				continue
			}
			var entry struct {
				Summary     string                     `json:"summary"`
				OperationID string                     `json:"operationId"`
				Security    []map[string][]string      `json:"security"`
				RequestBody json.RawMessage            `json:"requestBody"`
				Responses   map[string]json.RawMessage `json:"responses"`
			}
			if err := json.Unmarshal(text, &entry); err != nil {
				t.Fatal(err)
			}
			if entry.Summary == "" || entry.OperationID == "" {
				t.Errorf("%s %s has no summary or no id", method, path)
			}
			want := []string{"500", "503"}
			if entry.Security == nil {
				want = append(want, "401")
			}
			if strings.Contains(path, "{") {
				want = append(want, "404")
			}
			switch {
			case method == http.MethodGet && entry.Security == nil:
				want = append(want, "304")
			case method != http.MethodGet && method != http.MethodPost:
				want = append(want, "400", "412")
			}
			if entry.RequestBody != nil {
				want = append(want, "400", "413", "415", "422")
			}
			for _, status := range want {
				if _, ok := entry.Responses[status]; !ok {
					t.Errorf("%s %s does not document its %s", method, path, status)
				}
			}
		}
	}
}
