package legal

// Document is a result as data.
type Document struct {
	Probers int        `json:"probers"`
	Seed    uint64     `json:"seed"`
	Full    bool       `json:"full"`
	Cases   []CaseFigs `json:"cases"`
	Runs    RunFigs    `json:"runs"`
	Rejects int        `json:"rejections"`
	Hours   float64    `json:"hoursOfVMLife"`
}

// RunFigs counts runs without and with bytes.
type RunFigs struct {
	Model int `json:"withoutBytes"`
	Bytes int `json:"withBytes"`
}

// CaseFigs is one case.
type CaseFigs struct {
	Case       string         `json:"case"`
	Runs       RunFigs        `json:"runs"`
	NeedsBytes string         `json:"needsBytes,omitempty"` // why
	Rejected   int            `json:"rejected"`
	Broken     string         `json:"broken,omitempty"`
	Rejections []RejectionDoc `json:"rejections,omitempty"` // the first MaxRejections
}

// RejectionDoc is a legal prober that was rejected.
type RejectionDoc struct {
	Prober      int      `json:"prober"`
	Name        string   `json:"name"`
	LegalBy     []string `json:"legalBy"`
	Requirement string   `json:"requirement"`
	Message     string   `json:"message"`
	Want        string   `json:"want,omitempty"`
	Replay      string   `json:"replay"`
}

// Document gives the result as data.
func (r *Result) Document() Document {
	d := Document{Probers: r.probers(), Seed: r.Options.Seed, Full: r.Options.Full, Cases: []CaseFigs{}, Hours: r.Length().Hours()}
	for i := range r.Rows {
		row := &r.Rows[i]
		c := CaseFigs{
			Case: row.Case.ID(), Runs: RunFigs{row.Model, row.Bytes}, NeedsBytes: row.Reason,
			Rejected: row.Rejected, Broken: row.Broken,
		}
		for j := range row.Rejections {
			x := &row.Rejections[j]
			f := x.Verdict.Failures[0]
			c.Rejections = append(c.Rejections, RejectionDoc{
				Prober: x.Prober.Number, Name: x.Prober.Name(), LegalBy: x.Prober.Rules(),
				Requirement: f.Requirement, Message: f.Message, Want: f.Want, Replay: x.Replay(r.Options.Seed),
			})
		}
		d.Cases = append(d.Cases, c)
		d.Runs.Model += row.Model
		d.Runs.Bytes += row.Bytes
		d.Rejects += row.Rejected
	}
	return d
}
