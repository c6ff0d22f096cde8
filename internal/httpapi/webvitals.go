package httpapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/server"
)

// A WebVital is a measurement of a page by the browser that loaded it: a time in milliseconds,
// or the score of CLS.
type WebVital struct {
	Name  string // one of WebVitals
	Value float64
}

// WebVitals are the names of the measurements (https://web.dev/articles/vitals).
var WebVitals = []string{"CLS", "FCP", "FID", "INP", "LCP", "TTFB"}

const (
	maxVital = 1e7 // of a value: almost three hours
	maxPage  = 200 // bytes of a page's path in the log
)

// webVitals returns the operation that takes a measurement. It is public, because pages send
// one before anyone has signed in.
func (a *API) webVitals() operation {
	least, most := 0.0, float64(maxVital)
	return operation{
		method: http.MethodPost, path: "/api/analytics/web-vitals", id: "reportWebVital", tag: "Performance", public: true,
		status:  http.StatusNoContent,
		summary: "Report a measurement of a page",
		description: "By the front end at every page load: a metric of web-vitals, counted by its name in the server's metrics. " +
			"Members besides name and value are ignored, and the page is logged at the level debug.",
		body: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"name", "value"},
			Properties: map[string]*huma.Schema{
				"name":  a.schemas.enum("WebVital", WebVitals),
				"value": {Type: huma.TypeNumber, Minimum: &least, Maximum: &most, Description: "In milliseconds; of CLS, the score."},
				"id":    {Type: huma.TypeString, Description: "Of the measurement, as the browser names it."},
				"page":  {Type: huma.TypeString, Description: "The path of the page."},
			},
			AdditionalProperties: true,
		},
		run: func(c *call) error {
			vital, page, err := readWebVital(c.Request)
			if err != nil {
				return err
			}
			if a.ObserveVital != nil {
				a.ObserveVital(vital)
			}
			a.Server.Logger.DebugContext(c.Context, "web vital", slog.String("name", vital.Name), slog.Float64("value", vital.Value), slog.String("page", page))
			return nil
		},
	}
}

func readWebVital(r *http.Request) (vital WebVital, page string, err error) {
	text, err := server.ReadJSON(r)
	if err != nil {
		return vital, "", err
	}
	errs := map[string]string{"name": "must be given", "value": "must be given"}
	err = server.EachMember(text, func(name string, value json.RawMessage) bool {
		switch name {
		case "name":
			errs[name] = ""
			var notText error
			if vital.Name, notText = readText(value); notText != nil || !slices.Contains(WebVitals, vital.Name) {
				errs[name] = "must be one of " + strings.Join(WebVitals, ", ")
			}
		case "value":
			errs[name] = ""
			var notNumber error
			if vital.Value, notNumber = strconv.ParseFloat(string(value), 64); notNumber != nil || vital.Value < 0 || vital.Value > maxVital {
				errs[name] = "must be a number between 0 and " + strconv.Itoa(maxVital)
			}
		case "page":
			page, _ = readText(value) // for the log alone
			page = strings.ToValidUTF8(page[:min(len(page), maxPage)], "")
		}
		return true
	})
	if err != nil {
		return vital, page, err
	}
	var all []crm.FieldError
	for _, name := range []string{"name", "value"} {
		if errs[name] != "" {
			all = append(all, crm.FieldError{Field: name, Message: errs[name]})
		}
	}
	if len(all) > 0 {
		return vital, page, crm.Invalid(all...)
	}
	return vital, page, nil
}
