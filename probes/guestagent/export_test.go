package guestagent

import "encoding/json"

// CheckLine compares the quick reading of a line with encoding/json's.
func CheckLine(errorf func(string, ...any), line []byte) {
	m, kind := parseLine(line)
	if _, quick := parsePlain(line); !quick {
		return
	}
	var full struct{ Return any }
	if kind != reply || json.Unmarshal(line, &full) != nil || full.Return == nil {
		errorf("%q was read as a reply", line)
	}
	if n, ok := full.Return.(float64); ok != m.isID || ok && n != float64(m.id) {
		errorf("%q was read as id %d", line, m.id)
	}
}
