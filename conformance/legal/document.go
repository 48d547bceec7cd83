package legal

// Document is a result as data.
type Document struct {
	Probers int        `json:"probers"`
	Seed    uint64     `json:"seed"`
	Cases   []CaseFigs `json:"cases"`
	Runs    RunFigs    `json:"runs"`
	Rejects int        `json:"rejections"`
	Hours   float64    `json:"hoursOfVMLife"`
}

// RunFigs counts runs, and the tries in them.
type RunFigs struct {
	Runs     int `json:"all"`
	Checked  int `json:"checkedWithoutMemory"`
	Recalled int `json:"triesRemembered"`
	Made     int `json:"triesMade"`
}

func (r *Row) figs() RunFigs { return RunFigs{r.Runs, r.Checked, r.Recalled, r.Made} }

func (f *RunFigs) add(o RunFigs) {
	f.Runs += o.Runs
	f.Checked += o.Checked
	f.Recalled += o.Recalled
	f.Made += o.Made
}

// CaseFigs is one case.
type CaseFigs struct {
	Case       string         `json:"case"`
	Runs       RunFigs        `json:"runs"`
	Like       string         `json:"like,omitempty"`     // the same case in another profile, run in its stead
	NoMemory   string         `json:"noMemory,omitempty"` // why the case was run without
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
	d := Document{Probers: r.probers(), Seed: r.Options.Seed, Cases: []CaseFigs{}, Hours: r.Length().Hours()}
	for i := range r.Rows {
		row := &r.Rows[i]
		c := CaseFigs{
			Case: row.Case.ID(), Runs: row.figs(), Like: row.Like, NoMemory: row.Parts,
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
		d.Runs.add(c.Runs)
		d.Rejects += row.Rejected
	}
	return d
}
