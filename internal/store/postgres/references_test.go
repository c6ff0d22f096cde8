package postgres_test

import (
	"testing"

	"sixty/internal/servertest"
	"sixty/internal/store/postgres"
)

// What refers to records that are removed in batches is found by an index, whether it is deleted
// itself or not. Stages, users and organisations are few, and removed one by one or never.
func TestReferencesHaveAnIndex(t *testing.T) {
	t.Parallel()
	_, owner := migrated(t, postgres.Options{URL: servertest.PostgresURL(t)})
	rows, err := owner.Query(t.Context(), `SELECT c.conrelid::regclass::text, c.conname,
EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1] AND i.indkey[1] = c.conkey[2]
  AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = '(' || a.attname || ' IS NOT NULL)'))
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[2]
WHERE c.contype = 'f' AND c.confrelid::regclass::text IN ('companies', 'contacts', 'deals', 'activities', 'tasks')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var table, name string
		var indexed bool
		if err := rows.Scan(&table, &name, &indexed); err != nil {
			t.Fatal(err)
		}
		if n++; !indexed {
			t.Errorf("%s of %s has no index on its columns that has deleted rows too", name, table)
		}
	}
	if err := rows.Err(); err != nil || n < 12 {
		t.Errorf("%d foreign keys: %v", n, err)
	}
}
