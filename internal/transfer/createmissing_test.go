package transfer_test

import "testing"

// TestIDsCreateNothing: an id that leads to nothing is no name by which a record is created.
func TestIDsCreateNothing(t *testing.T) {
	t.Parallel()
	const id = "00000000-0000-4000-8000-000000000001"
	eachEngine(t, func(t *testing.T, w *world) {
		opt := deals
		opt.CreateMissing = []string{"company", "owner", "stage"}
		w.expect(opt, "external_id,name,company_id,owner_id,stage_id,stage\n1,D,"+id+","+id+","+id+",\n2,D,,,"+id+",Prospecting\n", summary(1, 0, 0, 1),
			"no company has the id "+id+", and an id is no name to create one by; no owner has the id "+id+", and an id is no name to create one by; "+
				"no stage has the id "+id+", and an id is no name to create one by")
		if n := len(all(w, w.service.Companies)); n != 0 {
			t.Errorf("%d companies were created", n)
		}
	})
}
