package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// FuzzDecodeLine: whatever a prober of the sockets door writes is an answer, a
// report or an error that says what is wrong; what was read reads the same
// again.
func FuzzDecodeLine(f *testing.F) {
	for _, line := range []string{
		`{"seq":1,"protocol":1,"implementation":{"name":"a"},"features":["http"],"concurrent":3}`,
		`{"seq":3}`, `{"run":2,"do":[{"do":"ready","vm":"web","instance":1,"ok":true}]}`,
		`{"do":[{"do":"ask","id":4,"vm":"web","instance":1,"exec":{"argv":["true"]}}]}`,
		`{"do":[{"do":"result","vm":"web","instance":1,"probe":"liveness","class":"failure"}]}`,
		`{"seq":null}`, `{"seq":3} {"seq":3}`, "\x00", `[]`, `{"do":[null]}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		asked := func(seq int64) *protocol.Request {
			switch seq {
			case 1:
				return &protocol.Request{Seq: 1, Op: protocol.Hello, Protocol: 1, Door: protocol.Sockets, Offered: protocol.Features()}
			case 3:
				return &protocol.Request{Seq: 3, Op: protocol.Step, Run: 1}
			}
			return nil
		}
		reply, report, err := protocol.DecodeLine(line, asked)
		if err != nil {
			if err.Error() == "" || reply != nil || report != nil {
				t.Fatalf("%q: %v, and a message", line, err)
			}
			return
		}
		if (reply == nil) == (report == nil) {
			t.Fatalf("%q is neither an answer nor a report, or both", line)
		}
		var again []byte
		if reply != nil {
			again, err = json.Marshal(reply)
		} else {
			again, err = json.Marshal(report)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := protocol.DecodeLine(again, asked); err != nil {
			t.Fatalf("%q was read, and %q is not: %v", line, again, err)
		}
	})
}
