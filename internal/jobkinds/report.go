package jobkinds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/reports"
)

const (
	// reportKept is how long a report can be downloaded.
	reportKept = 7 * 24 * time.Hour
	// maxRecipients bounds who gets a report by mail.
	maxRecipients = 20
	// maxReportArgs bounds the arguments, in bytes.
	maxReportArgs = 16 << 10
)

// Reports is what reports are made from.
type Reports struct {
	Service  *crm.Service
	Accounts *accounts.Service
	Files    *files.Service
	Mail     *mail.Service
	Now      func() time.Time
}

// reportArgs are the arguments of a report.
type reportArgs struct {
	Report  reports.Kind   `json:"report"`
	Format  reports.Format `json:"format"`
	Period  string         `json:"period"`
	From    *crm.Date      `json:"from"`
	To      *crm.Date      `json:"to"`
	OwnerID *crm.ID        `json:"ownerId"`
	Mail    *struct {
		To []string `json:"to"`
	} `json:"mail"`
}

// madeReport is the result of the job.
type madeReport struct {
	Report      reports.Kind   `json:"report"`
	Format      reports.Format `json:"format"`
	From        *crm.Date      `json:"from"`
	To          *crm.Date      `json:"to"`
	FileID      crm.ID         `json:"fileId"`
	Name        string         `json:"name"`
	Size        int64          `json:"size"`
	DownloadURL string         `json:"downloadUrl"`
	// MailedTo are those who are sent the report, and Omitted those who are no active users any more.
	MailedTo []string `json:"mailedTo"`
	Omitted  []string `json:"omitted"`
}

// GenerateReport makes reports as files and, if that is asked for, sends them by mail to users of the
// organisation.
func GenerateReport(r Reports) jobs.Spec {
	return complete(jobs.Spec{
		Kind: jobs.GenerateReport, Scope: crm.ScopeExport,
		Check: r.check, Run: r.run,
	})
}

// parseReport reads the arguments; CodeInvalid names the members.
func parseReport(text json.RawMessage) (reportArgs, error) {
	var a reportArgs
	if len(text) > maxReportArgs {
		return a, crm.Invalid(crm.FieldError{Field: "args", Message: fmt.Sprintf("must be at most %d bytes", maxReportArgs)})
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return a, crm.Invalid(crm.FieldError{Field: "args/" + strings.ReplaceAll(wrong.Field, ".", "/"), Message: "must not be a JSON " + wrong.Value})
		}
		return a, crm.Invalid(crm.FieldError{Field: "args", Message: "cannot be read: " + strings.TrimPrefix(err.Error(), "json: ")})
	}
	var errs []crm.FieldError
	add := func(field, format string, values ...any) {
		errs = append(errs, crm.FieldError{Field: "args/" + field, Message: fmt.Sprintf(format, values...)})
	}
	if !slices.Contains(reports.Kinds, a.Report) {
		add("report", "must be one of %v, not %q", reports.Kinds, a.Report)
	}
	if a.Format == "" {
		a.Format = reports.HTML
	}
	if !slices.Contains(reports.Formats, a.Format) {
		add("format", "must be one of %v, not %q", reports.Formats, a.Format)
	}
	switch {
	case a.Period != "" && !slices.Contains(reports.Periods, a.Period):
		add("period", "must be one of %v, not %q", reports.Periods, a.Period)
	case a.Period != "" && (a.From != nil || a.To != nil):
		add("period", "must not be given together with from or to")
	case a.From != nil && a.To != nil && *a.To < *a.From:
		add("to", "must not be before from")
	case a.Report == reports.Pipeline && (a.Period != "" || a.From != nil || a.To != nil):
		add("period", "must not be given, nor from or to: the pipeline is as of now")
	}
	if a.Mail != nil {
		switch n := len(a.Mail.To); {
		case n == 0:
			add("mail/to", "must name at least one user")
		case n > maxRecipients:
			add("mail/to", "must name at most %d users, not %d", maxRecipients, n)
		}
	}
	if len(errs) > 0 {
		return a, crm.Invalid(errs...)
	}
	return a, nil
}

func (r *Reports) check(ctx context.Context, by crm.Actor, text json.RawMessage) error {
	a, err := parseReport(text)
	if err != nil {
		return err
	}
	var errs []crm.FieldError
	if a.OwnerID != nil {
		if _, err := r.Service.Owner(ctx, by, *a.OwnerID); crm.CodeOf(err) == crm.CodeNotFound {
			errs = append(errs, crm.FieldError{Field: "args/ownerId", Message: "refers to a user that does not exist"})
		} else if err != nil {
			return err
		}
	}
	_, omitted, err := r.recipients(ctx, by, a)
	if err != nil {
		return err
	}
	for _, address := range omitted {
		errs = append(errs, crm.FieldError{Field: "args/mail/to", Message: fmt.Sprintf("must be addresses of active users of the organisation, unlike %q", address)})
	}
	if len(errs) > 0 {
		return crm.Invalid(errs...)
	}
	return nil
}

// recipients returns the addresses of active users, each once, and those that are of none.
func (r *Reports) recipients(ctx context.Context, by crm.Actor, a reportArgs) (active, omitted []string, err error) {
	active, omitted = []string{}, []string{}
	if a.Mail == nil {
		return active, omitted, nil
	}
	for _, address := range a.Mail.To {
		user, err := r.Accounts.OwnerByEmail(ctx, by, address)
		switch {
		case err != nil && crm.CodeOf(err) != crm.CodeNotFound:
			return nil, nil, err
		case err != nil || user.DeactivatedAt != nil || user.Service || user.Email == nil:
			omitted = append(omitted, address)
		case !slices.Contains(active, *user.Email):
			active = append(active, *user.Email)
		}
	}
	return active, omitted, nil
}

func (r *Reports) run(ctx context.Context, t *jobs.Task) (any, error) {
	a, err := parseReport(json.RawMessage(t.Job.Args))
	if err != nil {
		return nil, err
	}
	now := crm.InstantOf(r.Now())
	period := reports.Period{From: a.From, To: a.To}
	if a.Period != "" {
		day := now
		if t.Job.Slot != nil { // also if the job was late
			day = *t.Job.Slot
		}
		period = reports.PeriodOf(a.Period, crm.DateOf(day.Time()))
	}
	t.Progress(10, "reading")
	report, err := reports.Build(ctx, r.Service, t.By, reports.Params{Kind: a.Report, Period: period, OwnerID: a.OwnerID, Now: now})
	if err != nil {
		return nil, err
	}
	to, omitted, err := r.recipients(ctx, t.By, a)
	if err != nil {
		return nil, err
	}
	t.Progress(60, "writing")
	var content bytes.Buffer
	if err := report.Write(&content, a.Format); err != nil {
		return nil, err
	}
	file, err := r.Files.Write(ctx, t.By, files.New{
		Purpose: files.Report, Name: report.FileName(a.Format), Media: a.Format.Media(), Keep: reportKept, Records: true,
	}, func(w io.Writer) error {
		_, err := w.Write(content.Bytes())
		return err
	})
	if err != nil {
		return nil, err
	}
	result := madeReport{
		Report: a.Report, Format: a.Format, From: report.Period.From, To: report.Period.To,
		FileID: file.ID, Name: file.Name, Size: file.Size, DownloadURL: "/api/exports/" + file.ID.String(), MailedTo: to, Omitted: omitted,
	}
	messages, err := reportMessages(report, file, content.Bytes(), to)
	if err == nil {
		// The file, the messages with their jobs, and the end of this one: all of it, or nothing.
		err = t.Complete(ctx, result, func(ctx context.Context) error {
			if err := r.Files.Add(ctx, t.By, file); err != nil {
				return err
			}
			_, err := r.Mail.Send(ctx, t.By, messages...)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, r.Files.Discard(ctx, file))
	}
	return result, nil
}

// reportMessages returns the message for each recipient, with the report attached.
func reportMessages(report *reports.Report, file files.File, content []byte, to []string) ([]mail.Message, error) {
	messages := make([]mail.Message, len(to))
	for i, address := range to {
		m, err := mail.ReportMessage(mail.Report{
			Title: report.Title(), Organisation: report.Organisation, Period: report.Period.String(), Owner: report.Owner, File: file.Name,
		})
		if err != nil {
			return nil, err
		}
		m.To = address
		m.Attachments = []mail.Attachment{{Name: file.Name, Media: file.Media, Content: content}}
		messages[i] = m
	}
	return messages, nil
}
