package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"sixty/internal/crm"
)

// KeyOf returns the key by which the record of a row is found, and its value; "" is none.
type KeyOf[P any] func(keys []crm.Key, row *ImportRow[P]) (key crm.Key, value string)

// The KeyOf of each kind of rows.
var (
	CompanyKey  = keyOf(companies)
	ContactKey  = keyOf(contacts)
	DealKey     = keyOf(deals)
	ActivityKey = keyOf(activities)
	StageKey    = keyOf(stages)
	OwnerKey    = keyOf(owners)
)

func keyOf[T, P any](d *declared[T, P]) KeyOf[P] {
	return func(keys []crm.Key, row *ImportRow[P]) (crm.Key, string) {
		var record T
		*d.properties["id"].Stored(&record).(*crm.ID) = row.ID.Value
		d.applyKeys(&row.Patch, &record, new(crm.Rules), keys)
		for _, key := range keys {
			if value := d.key(&record, key); value != "" {
				return key, value
			}
		}
		return "", ""
	}
}

// KeyTitle is a key of tasks: their title, with when they are due and were created and with what
// they are about, as their first import said it.
const KeyTitle crm.Key = "title"

// TaskKey is the KeyOf of tasks.
func TaskKey(keys []crm.Key, row *ImportRow[crm.TaskPatch]) (crm.Key, string) {
	key, value := keyOf(tasks)(slices.DeleteFunc(slices.Clone(keys), func(k crm.Key) bool { return k == KeyTitle }), row)
	if value == "" && slices.Contains(keys, KeyTitle) {
		if value = titleKey(row); value != "" {
			key = KeyTitle
		}
	}
	return key, value
}

// titleKey returns a text that tasks have in common whose KeyTitle is the same; "" for none. It is
// stored as their external id, which leaves that key bounded and unique however many tasks have
// the same title, and lets a task be renamed.
func titleKey(row *ImportRow[crm.TaskPatch]) string {
	p := &row.Patch
	title := crm.NameKey(p.Title.Value)
	if title == "" || !p.Title.Set {
		return ""
	}
	of := sha256.New()
	write := func(text string) {
		of.Write([]byte(text))
		of.Write([]byte{0})
	}
	write(title)
	for _, at := range []crm.Field[crm.Instant]{{Set: p.DueDate.Set, Value: crm.Instant(p.DueDate.Value)}, row.CreatedAt} {
		if write(""); at.Set {
			write(at.Value.String())
		}
	}
	for _, ref := range []Reference{RefCompany, RefContact, RefDeal} {
		write(identityOf(ref, referenceText(*row.Of(ref))))
	}
	return "row:" + hex.EncodeToString(of.Sum(nil)[:16])
}

// storedKeys returns keys as records are found by them: KeyTitle is stored as external id.
func storedKeys(keys []crm.Key) (stored []crm.Key) {
	for _, key := range keys {
		if key == KeyTitle {
			key = crm.KeyExternalID
		}
		if !slices.Contains(stored, key) {
			stored = append(stored, key)
		}
	}
	return stored
}

// titled returns a feed of tasks in which those that have no surer key have that of their titles.
func titled(keys []crm.Key, feed func(Load[crm.TaskPatch]) error) func(Load[crm.TaskPatch]) error {
	if !slices.Contains(keys, KeyTitle) {
		return feed
	}
	return func(load Load[crm.TaskPatch]) error {
		return feed(func(ctx context.Context, rows []ImportRow[crm.TaskPatch]) func() ([]RowResult, error) {
			rows = slices.Clone(rows)
			for i := range rows {
				if key, value := TaskKey(keys, &rows[i]); key == KeyTitle {
					rows[i].Patch.ExternalID = crm.Of(value)
				}
			}
			return load(ctx, rows)
		})
	}
}
