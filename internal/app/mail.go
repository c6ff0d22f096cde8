package app

import (
	"context"
	"fmt"
	"path/filepath"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/jobkinds"
	"sixty/internal/jobs"
	"sixty/internal/mail"
)

// outboxFolder is where messages are in the data folder that no server is there to send.
const outboxFolder = "outbox"

// localSender is the sender where none is configured, which is where nothing is sent.
const localSender = "sixty <sixty@localhost>"

// openMail sets Mail. Jobs are added once there is what adds them.
func (c *Core) openMail(cfg config.Config) error {
	o := mail.Options{Store: c.Store.Mail(), Now: c.Clock, Development: !cfg.Production()}
	sender := cfg.MailFrom
	if sender == "" {
		sender = localSender
	}
	var err error
	if o.From, err = mail.ParseFrom(sender); err != nil {
		return &config.Invalid{Problems: []string{config.NameOf(cfg.Mail, "MailFrom") + " " + err.Error()}}
	}
	endpoint, configured, err := cfg.SMTP()
	switch {
	case err != nil:
		return err // never: Check has validated it
	case configured:
		roots, err := authorities(cfg.SMTPCA)
		if err != nil {
			return fmt.Errorf("%s: %w", config.NameOf(cfg.Mail, "SMTPCA"), err)
		}
		o.SMTP = &mail.SMTP{
			Host: endpoint.Host, Port: endpoint.Port, TLS: endpoint.TLS, Plain: endpoint.Plain,
			User: endpoint.User, Password: endpoint.Password.Reveal(), Roots: roots,
		}
	case o.Development:
		o.Folder = filepath.Join(cfg.DataDir, outboxFolder)
	}
	c.Mail, c.frontEnd = mail.NewService(o), cfg.FrontEnd()
	return nil
}

// messages returns the kinds of jobs that send messages, and make what is sent.
func (s *serving) messages() []jobs.Spec {
	core := s.core
	return []jobs.Spec{
		jobkinds.SendEmail(core.Mail, core.mailReset),
		jobkinds.GenerateReport(jobkinds.Reports{Service: core.Service, Accounts: core.Accounts, Files: core.Files, Mail: core.Mail, Now: core.Clock}),
	}
}

// mailReset sends a user who has lost their password a link with which they set another. Nothing is
// sent for an address that no active user with a password has, nor again within a while.
func (c *Core) mailReset(ctx context.Context, email, organisation string) error {
	account, err := c.Accounts.AccountByEmail(ctx, email, organisation)
	if crm.CodeOf(err) == crm.CodeNotFound || err == nil && account.Password == "" {
		return nil
	}
	if err != nil {
		return err
	}
	by := crm.Actor{Org: account.OrgID}
	return c.Service.Atomic(ctx, by, func(ctx context.Context) error {
		token, user, err := c.Passwords.Reset(ctx, account)
		if err != nil || token == "" {
			return err
		}
		org, err := c.Service.Organisation(ctx, by)
		if err != nil {
			return err
		}
		m, err := mail.ResetMessage(mail.Reset{Name: user.FullName, Organisation: org.Name, Link: mail.Link(c.frontEnd, mail.PageReset, token)})
		if err != nil {
			return err
		}
		m.To = *user.Email
		_, err = c.Mail.Send(ctx, by, m)
		return err
	})
}
