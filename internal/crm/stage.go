package crm

// Outcome says what it means for a deal to stand in a stage.
type Outcome string

// The outcomes of a stage.
const (
	OutcomeOpen Outcome = "open"
	OutcomeWon  Outcome = "won"
	OutcomeLost Outcome = "lost"
)

// Stage is a step of the pipeline.
type Stage struct {
	OrgID              ID      `json:"-"`
	ID                 ID      `json:"id"`
	Name               string  `json:"name"`
	Description        *string `json:"description"`
	Color              *string `json:"color" doc:"#RRGGBB."`
	OrderPosition      int     `json:"order_position"`
	DefaultProbability int     `json:"default_probability" doc:"Percent, 0 to 100."`
	Outcome            Outcome `json:"outcome" enum:"open,won,lost" schema:"StageOutcome"`
	CreatedAt          Instant `json:"created_at"`
	UpdatedAt          Instant `json:"updated_at"`

	Version int64 `json:"-"`
}

// StagePatch holds the members of a stage that a client may write.
type StagePatch struct {
	Name               Field[string] `json:"name"`
	Description        Field[string] `json:"description"`
	Color              Field[string] `json:"color"`
	OrderPosition      Field[int]    `json:"order_position"`
	DefaultProbability Field[int]    `json:"default_probability"`
	Outcome            Field[string] `json:"outcome"`

	DecodeErrors DecodeErrors `json:"-"`
}

// StageFilter narrows stages; nil members do not.
type StageFilter struct{}

// Stages declares the stages of the pipeline.
var Stages = Declare(Entity[Stage, StagePatch, StageFilter]{
	Name:         EntityStage,
	DecodeErrors: func(p *StagePatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Stage, StagePatch]{
		{Name: "org_id", At: func(s *Stage, _ *StagePatch) (any, any) { return &s.OrgID, nil }},
		{Name: "id", At: func(s *Stage, _ *StagePatch) (any, any) { return &s.ID, nil }},
		{Name: "name", Rule: nameRule, At: func(s *Stage, p *StagePatch) (any, any) { return &s.Name, &p.Name }},
		{Name: "description", Rule: longRule, At: func(s *Stage, p *StagePatch) (any, any) { return &s.Description, &p.Description }},
		{Name: "color", Rule: colorRule, At: func(s *Stage, p *StagePatch) (any, any) { return &s.Color, &p.Color }},
		{Name: "order_position", Min: 0, Max: 1_000_000, At: func(s *Stage, p *StagePatch) (any, any) { return &s.OrderPosition, &p.OrderPosition }},
		{Name: "default_probability", Min: 0, Max: 100, At: func(s *Stage, p *StagePatch) (any, any) { return &s.DefaultProbability, &p.DefaultProbability }},
		{Name: "outcome", At: func(s *Stage, p *StagePatch) (any, any) { return (*string)(&s.Outcome), &p.Outcome }},
		{Name: "created_at", At: func(s *Stage, _ *StagePatch) (any, any) { return &s.CreatedAt, nil }},
		{Name: "updated_at", At: func(s *Stage, _ *StagePatch) (any, any) { return &s.UpdatedAt, nil }},
		{Name: "version", At: func(s *Stage, _ *StagePatch) (any, any) { return &s.Version, nil }},
	},
	Sorts: Sorts{[]string{"order_position", "updated_at", "created_at", "name"}, Sort{"order_position", false}},
})

// Apply applies the patch by the rules of each member.
func (p StagePatch) Apply(s *Stage, r *Rules) { Stages.Apply(&p, s, r) }

// Status is the status of a deal that enters the stage.
func (s *Stage) Status() string {
	if s.Outcome == OutcomeOpen {
		return StatusActive
	}
	return string(s.Outcome)
}
