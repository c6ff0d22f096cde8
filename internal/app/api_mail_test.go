package app_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/mail/mailtest"
)

// mailed has a program send by an SMTP server.
func mailed(s *mailtest.Server) func(*config.Config) {
	return func(cfg *config.Config) {
		cfg.SMTPURL = config.Secret(fmt.Sprintf("smtp://%s@%s:%d", url.UserPassword(mailtest.User, mailtest.Password), s.Host, s.Port))
		cfg.SMTPCA, cfg.MailFrom, cfg.PublicURL = s.CA, "Sales <sales@example.com>", "https://app.example/sales"
	}
}

// partsOf returns the parts of a message by their media types.
func partsOf(t *testing.T, message string) map[string]string {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var read func(contentType, encoding string, body io.Reader)
	read = func(contentType, encoding string, body io.Reader) {
		media, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(media, "multipart/") {
			switch encoding {
			case "base64":
				body = base64.NewDecoder(base64.StdEncoding, body)
			case "quoted-printable":
				body = quotedprintable.NewReader(body)
			}
			text, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			if _, there := all[media]; there {
				media = "attached " + media
			}
			all[media] = string(text)
			return
		}
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			read(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		}
	}
	read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	return all
}

var tokenLink = regexp.MustCompile(`https://app\.example/sales/(\w+)\?token=(\S+)`)

// linkIn returns the page and the token of the link in a message.
func linkIn(t *testing.T, message string) (page, token string) {
	t.Helper()
	m := tokenLink.FindStringSubmatch(partsOf(t, message)["text/plain"])
	if m == nil {
		t.Fatalf("there is no link in\n%s", message)
	}
	return m[1], m[2]
}

// message puts a message into the outbox that no job sends, and returns its id.
func (u user) message() string {
	u.t.Helper()
	e := mail.Entry{
		OrgID: u.org, ID: crm.NewID(), State: mail.Kept, Recipient: "ada@example.com", Subject: "Hello", Size: 5, JobID: crm.NewID(), CreatedAt: crm.InstantOf(time.Now()),
	}
	if err := u.app.Core().Store.Mail().Put(u.t.Context(), crm.Operator(u.org), e, mail.Content{Text: "Hello"}); err != nil {
		u.t.Fatal(err)
	}
	return e.ID.String()
}

// becomes reads a path until a member has a value.
func (u user) becomes(path, member, want string) object {
	u.t.Helper()
	var row object
	eventually(u.t, member+" of "+path+" becomes "+want, func() bool {
		row = u.get(path)
		return row[member] == want
	})
	return row
}

// Invitations and resets are mailed with what asks for them; the link works, once.
func TestMailedTokens(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Serve(t, mailtest.Options{})
			u := newUser(boot(t, engine, mailed(server)), "Mail & Söhne", crm.RoleAdmin)
			invited := u.record(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "zoe@example.com", "first_name": "Zoë", "mail": true})
			received := server.Next(t)
			page, token := linkIn(t, received.Message)
			if received.To != "zoe@example.com" || page != "accept" || token != invited["token"] || !received.TLS {
				t.Errorf("received %+v, answered %v", received, invited)
			}
			if html := partsOf(t, received.Message)["text/html"]; !strings.Contains(html, "Mail &amp; Söhne") || !strings.Contains(html, "accept?token="+token) {
				t.Errorf("the page is\n%s", html)
			}
			rows, _ := u.list("/api/outbox")
			if len(rows) != 1 || rows[0]["recipient"] != "zoe@example.com" || rows[0]["secret"] != true {
				t.Fatalf("the outbox is %v", rows)
			}
			// The token is nowhere once it is sent.
			path := "/api/outbox/" + id(rows[0])
			if sent := u.becomes(path, "state", "sent"); sent["text"] != nil || sent["html"] != nil {
				t.Errorf("the message is %v", sent)
			}
			u.ask(http.StatusConflict, "GET", path+"/eml", nil)
			u.as(crm.RoleManager).ask(http.StatusForbidden, "GET", path, nil)
			newUser(u.client, "Another", crm.RoleAdmin).ask(http.StatusNotFound, "GET", path, nil)

			b := &browser{client: u.client}
			if status, _, _ := b.send("POST", "/api/auth/accept", object{"token": token, "password": goodPassword}); status != http.StatusOK {
				t.Fatalf("the invitation is answered with %d", status)
			}
			user := invited["user"].(object)["id"]
			u.record(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": user, "mail": true})
			if page, _ := linkIn(t, server.Next(t).Message); page != "reset" {
				t.Errorf("the link leads to %s", page)
			}
			u.ask(http.StatusConflict, "POST", "/api/auth/invite", object{"email": "zoe@example.com", "mail": true}) // rolled back
			if rows, _ := u.list("/api/outbox"); len(rows) != 2 {
				t.Errorf("the outbox has %d messages", len(rows))
			}
		})
	}
}

// Who has lost a password is mailed a link. The response says nothing about whether there is such a
// user.
func TestForgot(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Serve(t, mailtest.Options{})
			c := boot(t, engine, mailed(server))
			org := c.organisation("Lost").ID
			ada := c.member(org, "ada@acme.example", crm.RoleRep)
			gone := c.member(org, "gone@acme.example", crm.RoleRep)
			c.person(org, "Without", "without@acme.example", crm.RoleRep)
			u := user{c, org, c.key(org, crm.RoleAdmin)}
			u.ask(http.StatusOK, "POST", "/api/users/"+gone.ID.String()+"/deactivate", nil)
			var first []byte
			for _, address := range []string{"unknown@acme.example", "gone@acme.example", "without@acme.example", "Ada@acme.example"} {
				status, _, answer := c.raw("POST", "/api/auth/forgot", "", object{"email": address})
				if first == nil {
					first = answer
				}
				if status != http.StatusAccepted || !bytes.Equal(answer, first) {
					t.Errorf("%s: %d, %s", address, status, answer)
				}
			}
			received := server.Next(t)
			page, token := linkIn(t, received.Message)
			if received.To != "ada@acme.example" || page != "reset" {
				t.Errorf("received %+v", received)
			}
			if status, _, _ := c.raw("POST", "/api/auth/forgot", "", object{"email": "ada@acme.example"}); status != http.StatusAccepted {
				t.Errorf("asked again: %d", status)
			}
			b := &browser{client: c}
			const another = "another long passphrase 7"
			if status, _, _ := b.send("POST", "/api/auth/reset", object{"token": token, "password": another}); status != http.StatusOK {
				t.Fatalf("the reset is answered with %d", status)
			}
			if status, _, _ := (&browser{client: c}).send("POST", "/api/auth/login", object{"email": *ada.Email, "password": another}); status != http.StatusOK {
				t.Errorf("the new password: %d", status)
			}
			if status, _, answer := c.raw("POST", "/api/auth/forgot", "", object{"email": "no address"}); status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "/email") {
				t.Errorf("no address: %d, %s", status, answer)
			}
			for _, r := range server.Received() {
				if r.To != "ada@acme.example" {
					t.Errorf("%s was sent a message", r.To)
				}
			}
		})
	}
}

// Without SMTP, messages are kept and shown; those with one-time tokens in development alone.
func TestOutbox(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	u := newUser(boot(t, "sqlite", func(cfg *config.Config) { cfg.DataDir = folder }), "Kept", crm.RoleAdmin)
	u.record(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "zoe@example.com", "mail": true})
	rows, _ := u.list("/api/outbox")
	path := "/api/outbox/" + id(rows[0])
	kept := u.becomes(path, "state", "kept")
	if !strings.Contains(kept["text"].(string), "/accept?token=") || !strings.Contains(kept["html"].(string), "/accept?token=") {
		t.Errorf("kept %v", kept)
	}
	status, header, text := u.raw("GET", path+"/eml", u.key, nil)
	if status != http.StatusOK || header.Get("Content-Type") != "message/rfc822" || header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d, %v", status, header)
	}
	if got := partsOf(t, string(text))["text/plain"]; strings.ReplaceAll(got, "\r\n", "\n") != kept["text"] {
		t.Errorf("downloaded\n%s", got)
	}
	if file, err := os.ReadFile(folder + "/outbox/" + id(rows[0]) + ".eml"); err != nil || len(partsOf(t, string(file))) != 2 {
		t.Errorf("the file: %v", err)
	}
	if rows, _ := u.list("/api/outbox?state=failed,sent"); len(rows) != 0 {
		t.Errorf("failed or sent: %v", rows)
	}
}

// A report by mail arrives, with the numbers of the dashboard.
func TestReportByMail(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Serve(t, mailtest.Options{})
			u := newUser(run(t, newAppWith(t, app.Options{Stderr: t.Output(), Clock: time.Now}, engine, mailed(server))), "Reports", crm.RoleManager)
			u.person(u.org, "Ada King", "ada@acme.example", crm.RoleManager)
			for i, stage := range mustStages(u) {
				for n := range i + 2 {
					u.make("/api/deals", object{"name": fmt.Sprintf("Deal <%d.%d>", i, n), "value": 1234.5 * float64(i+n+1), "stage_id": stage, "company": "Acme & Co"})
				}
			}
			by := crm.Actor{Org: u.org, Role: crm.RoleAdmin}
			args := map[string]any{"report": "performance", "format": "html", "mail": map[string]any{"to": []string{"ada@acme.example"}}}
			added, err := u.app.Core().Jobs.Add(t.Context(), by, jobs.NewJob{Kind: jobs.GenerateReport, Args: args})
			if err != nil {
				t.Fatal(err)
			}
			parts := partsOf(t, server.Next(t).Message)
			page := parts["attached text/html"]
			d := u.get("/api/dashboard")
			total := d["totals"].([]any)[0].(object)
			for _, member := range []string{"won_value", "lost_value", "average_won_value"} {
				if want := ">" + thousands(total[member].(float64)) + "<"; !strings.Contains(page, want) {
					t.Errorf("the report lacks %s, %s", member, want)
				}
			}
			if strings.Contains(page, "Deal <") || !strings.Contains(page, "Acme &amp; Co") || strings.Contains(page, "<script") {
				t.Error("texts are not escaped")
			}
			if file := os.Getenv("SIXTY_TEST_REPORT"); file != "" {
				if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			report := u.as(crm.RoleAdmin)
			job, err := u.app.Core().Store.Jobs().Job(t.Context(), u.org, added[0].ID)
			if err != nil || job.State != jobs.Done || !strings.Contains(string(job.Result), `"mailedTo":["ada@acme.example"]`) {
				t.Errorf("the job is %+v, %v", job, err)
			}
			var result struct{ DownloadURL string }
			if err := job.Result.Decode(&result); err != nil {
				t.Fatal(err)
			}
			if status, header, file := report.raw("GET", result.DownloadURL, report.key, nil); status != http.StatusOK || string(file) != page || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment") {
				t.Errorf("downloaded: %d, %v, %d bytes", status, header, len(file))
			}
		})
	}
}

// mustStages returns the ids of the stages, in order.
func mustStages(u user) []string {
	u.t.Helper()
	rows, _ := u.list("/api/deal-stages?sort=order_position")
	return slices.Collect(func(yield func(string) bool) {
		for _, row := range rows {
			if !yield(id(row)) {
				return
			}
		}
	})
}

// thousands writes an amount as reports do.
func thousands(v float64) string {
	s := fmt.Sprintf("%.2f", v)
	for i := len(s) - 6; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
