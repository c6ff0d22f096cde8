package httpapi

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/mail"
	"sixty/internal/server"
)

const mailTag = "Mail"

// messageView is a message with what it says.
type messageView struct {
	mail.Entry
	Text        *string          `json:"text" doc:"Null if it is not shown, or removed."`
	HTML        *string          `json:"html" doc:"The same as a page, as others have written it: show it without scripts. Null if there is none."`
	Attachments []attachmentView `json:"attachments"`
}

type attachmentView struct {
	Name  string `json:"name"`
	Media string `json:"media" doc:"The media type."`
	Size  int    `json:"size" doc:"In bytes."`
}

// outboxOperations returns the operations on what was sent, or is kept since there is no SMTP server.
func (a *API) outboxOperations() []operation {
	const uncached = "messages are not in the change log"
	a.schemas.record("Message", reflect.TypeFor[mail.Entry]())
	a.schemas.record("Attachment", reflect.TypeFor[attachmentView]())
	a.schemas.record("MessageDetails", reflect.TypeFor[messageView]())
	pager := newPager(a, "outbox", mail.Outbox.Sorts, filtersOf(mail.Outbox), a.Mail.Messages)
	const readers = " What has a one-time token in it is shown in development only. For admins."
	return []operation{
		{
			method: http.MethodGet, path: "/api/outbox", id: "listMessages", scope: crm.ScopeAdmin, tag: mailTag, caching: server.Uncached(uncached),
			summary: "List the messages that were written", description: "Those of the last 7 days, newest first. For admins.",
			query: pager.query.document(), listing: true, answer: a.schemas.list("Message"),
			problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
			run:      pager.run(with(appendJSON[mail.Entry])),
		},
		{
			method: http.MethodGet, path: "/api/outbox/{id}", id: "getMessage", scope: crm.ScopeAdmin, tag: mailTag, caching: server.Uncached(uncached),
			summary: "Read a message", description: "With what it says." + readers,
			answer: a.schemas.envelope("MessageDetails"), problems: []int{http.StatusForbidden}, secret: true,
			run: onID(mail.Entity, func(c *call, id crm.ID) error {
				e, content, err := a.Mail.Message(c.Context, c.Actor, id)
				v := messageView{Entry: e, Attachments: []attachmentView{}}
				if content != nil {
					v.Text = &content.Text
					if content.HTML != "" {
						v.HTML = &content.HTML
					}
					for _, x := range content.Attachments {
						v.Attachments = append(v.Attachments, attachmentView{x.Name, x.Media, len(x.Content)})
					}
				}
				return answerOne(c, &v, err, appendJSON[messageView])
			}),
		},
		{
			method: http.MethodGet, path: "/api/outbox/{id}/eml", id: "downloadMessage", scope: crm.ScopeAdmin, tag: mailTag, caching: server.Uncached(uncached),
			summary: "Download a message", description: "As it is sent (RFC 5322), for mail programs. 409 if it is not shown." + readers,
			media: "message/rfc822", answer: &huma.Schema{Type: huma.TypeString}, problems: []int{http.StatusForbidden, http.StatusConflict}, secret: true,
			stream: a.downloadMessage,
		},
	}
}

func (a *API) downloadMessage(c *call, w http.ResponseWriter) error {
	id, err := c.PathID("id", mail.Entity)
	if err != nil {
		return err
	}
	text, err := a.Mail.EML(c.Context, c.Actor, id)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "message/rfc822")
	h.Set("Cache-Control", "no-store")
	_, err = w.Write(text)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has hung up
	}
	return nil
}
