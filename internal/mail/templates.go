package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	texttemplate "text/template"
	"unicode"
)

// What messages say is in the folder templates, as text and as HTML. Values are escaped in the latter.

//go:embed templates
var templates embed.FS

var (
	texts = texttemplate.Must(texttemplate.ParseFS(templates, "templates/*.txt"))
	pages = htmltemplate.Must(htmltemplate.ParseFS(templates, "templates/*.html"))
)

// Report is what a message with a report says.
type Report struct {
	Title, Organisation, Period string
	Owner                       string // "" for all
	File                        string
}

// ReportMessage returns a message with a report, which is to be attached.
func ReportMessage(r Report) (Message, error) {
	return message("report", r.Title+", "+r.Period, r)
}

// Invitation is what a new user is told.
type Invitation struct {
	Name         string // of the user; "" if it is not known
	Organisation string
	Link         string
}

// InvitationMessage returns a message with which a new user sets their first password.
func InvitationMessage(i Invitation) (Message, error) {
	m, err := message("invitation", "Your invitation to "+i.Organisation, i)
	m.Secret = true
	return m, err
}

// Reset is what a user is told who is to set another password.
type Reset struct {
	Name         string
	Organisation string
	Link         string
}

// ResetMessage returns a message with which a user sets another password.
func ResetMessage(r Reset) (Message, error) {
	m, err := message("reset", "Your password for "+r.Organisation, r)
	m.Secret = true
	return m, err
}

// The pages of the front end that take a one-time token.
const (
	PageAccept = "accept"
	PageReset  = "reset"
)

// Link returns the URL of a page of the front end that takes a one-time token.
func Link(frontEnd, page, token string) string {
	return frontEnd + "/" + page + "?token=" + url.QueryEscape(token)
}

// message returns a message of a template.
func message(name, subject string, values any) (Message, error) {
	var text, html strings.Builder
	if err := texts.ExecuteTemplate(&text, name+".txt", values); err != nil {
		return Message{}, fmt.Errorf("the text of a message: %w", err)
	}
	if err := pages.ExecuteTemplate(&html, name+".html", values); err != nil {
		return Message{}, fmt.Errorf("the page of a message: %w", err)
	}
	return Message{Subject: line(subject), Text: text.String(), HTML: html.String()}, nil
}

// line returns a text as a subject: one line, not too long.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxSubject {
		s = string(r[:maxSubject-1]) + "…"
	}
	return s
}
