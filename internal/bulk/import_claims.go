package bulk

import (
	"slices"

	"sixty/internal/crm"
)

// named returns the only records of the names of those rows, by number, that may be about a record
// which has no key but its name.
func (s *importSegment[T, P]) named() (map[int]crm.ID, error) {
	at := slices.Index(s.keys, crm.KeyName)
	if at < 0 || !s.kind.claims() {
		return nil, nil
	}
	rows := map[string][]int{}
	var names []string
	for i := range s.rows {
		key, value := s.foundBy(i)
		name := s.values[i][at]
		if value == "" || name == "" || !slices.Contains(s.unique, key) || len(s.holders[key][value]) > 0 {
			continue
		}
		if rows[name] == nil {
			names = append(names, name)
		}
		rows[name] = append(rows[name], i)
	}
	if len(names) == 0 {
		return nil, nil
	}
	found, err := s.table(s.tx).Find(s.ctx, crm.KeyName, names)
	if err != nil {
		return nil, err
	}
	holders := map[string][]crm.ID{}
	for _, f := range found {
		holders[f.Key] = append(holders[f.Key], f.ID)
	}
	of := map[int]crm.ID{}
	for name, ids := range holders {
		for _, i := range rows[name] {
			if len(ids) == 1 {
				of[i] = ids[0]
			}
		}
	}
	return of, nil
}

// claim makes the records of rows' names, which are locked now, those of the rows: each that of one
// row, if it has no key but its name.
func (s *importSegment[T, P]) claim(named map[int]crm.ID) {
	s.claimed = map[int]*entry[T]{}
	taken := map[crm.ID]bool{}
	for i := range s.rows {
		id, ok := named[i]
		e := s.entries[id]
		if ok && e != nil && !taken[id] && !s.hasUniqueKey(e) && s.key(&e.after, crm.KeyName) == s.values[i][slices.Index(s.keys, crm.KeyName)] {
			s.claimed[i], taken[id] = e, true
		}
	}
}

// claimedBy returns the record that a row may be about, nil for none.
func (s *importSegment[T, P]) claimedBy(i int) *entry[T] {
	if e := s.claimed[i]; e != nil && !s.hasUniqueKey(e) { // an earlier row may have given it one
		return e
	}
	return nil
}

func (s *importSegment[T, P]) hasUniqueKey(e *entry[T]) bool {
	return slices.ContainsFunc(s.unique, func(key crm.Key) bool { return s.key(&e.after, key) != "" })
}
