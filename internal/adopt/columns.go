package adopt

import "sixty/internal/cells"

// options returns how PostgreSQL writes the values of a type, and whether that leaves nothing
// open: numbers have a decimal point, and days are in ISO 8601 (see open). Only percentages
// that are no integers may be fractions.
func options(sqlType string, kind cells.Type) (o cells.Options, decided bool) {
	o.Flagless = true
	switch sqlType {
	case "smallint", "integer", "bigint":
		o.Decimal = '.'
		return o, true
	case "numeric", "real", "double precision":
		o.Decimal = '.'
		return o, kind != cells.Percent
	case "boolean", "uuid", "date", "timestamp with time zone", "timestamp without time zone":
		return o, true
	}
	return o, kind == cells.Text || kind == cells.Enum || kind == cells.Bool
}

// survey looks at all values of columns, so that each is read as the others show.
func (s *source) survey(table string, types map[string]string, columns []*column) error {
	if len(columns) == 0 {
		return nil
	}
	surveys := make([]*cells.Survey, len(columns))
	for i, c := range columns {
		o, _ := options(types[c.name], c.kind)
		surveys[i] = cells.NewSurvey(c.kind, o)
	}
	cursor, err := s.query(table, columns, nil)
	if err != nil {
		return err
	}
	for {
		records, err := cursor.next(batchRows)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
		for _, record := range records {
			for i, value := range record {
				if value != nil {
					surveys[i].Observe(*value, 0) // rows have no lines
				}
			}
		}
	}
	for i, c := range columns {
		c.reader = surveys[i].Reader()
	}
	return cursor.close()
}
