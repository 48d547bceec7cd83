package fakevm

import (
	"errors"
	"fmt"
)

// Blueprint is what all guests of one pair of programs have in common.
// Guests of one goroutine at a time may share it.
type Blueprint struct {
	scripts []script // of the program, then of every boot
	plain   bool     // see PlainAgent
	// commands are those that came to the agents, by their text; bounded.
	commands map[string]command
}

// NewBlueprint computes what can be before there is a guest. A program that
// makes no sense is refused with every error found (see Check), joined.
func NewBlueprint(program, everyBoot Program) (*Blueprint, error) {
	var errs []error
	for _, p := range Check(program, everyBoot) {
		errs = append(errs, p)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	b := &Blueprint{plain: PlainAgent(program, everyBoot), commands: map[string]command{}}
	for i := range program.Endpoints {
		b.scripts = append(b.scripts, newScript(&program.Endpoints[i], false))
	}
	for i := range everyBoot.Endpoints {
		b.scripts = append(b.scripts, newScript(&everyBoot.Endpoints[i], true))
	}
	return b, nil
}

// script is what an endpoint goes by.
type script struct {
	spec    *Endpoint
	name    string // "http/8080", "agent"
	perBoot bool   // times count from each boot
	steps   []scriptStep
}

// scriptStep is a step with its replies.
type scriptStep struct {
	spec    *Step
	replies []prepared
}

// prepared is a reply with what can be computed before it is needed.
type prepared struct {
	reply *Reply
	times int
	head  *response // HTTP only
}

func newScript(spec *Endpoint, perBoot bool) script {
	s := script{spec: spec, name: endpointName(spec), perBoot: perBoot, steps: make([]scriptStep, len(spec.Steps))}
	for i := range spec.Steps {
		st := &s.steps[i]
		st.spec = &spec.Steps[i]
		st.replies = make([]prepared, len(st.spec.Replies))
		for j := range st.spec.Replies {
			c := &st.spec.Replies[j]
			st.replies[j] = prepared{reply: &c.Reply, times: c.Times}
			if (spec.Kind == HTTP || spec.Kind == HTTPS) && c.Reply.HTTP != nil {
				st.replies[j].head = newResponse(c.Reply.HTTP)
			}
		}
	}
	return s
}

func endpointName(e *Endpoint) string {
	switch e.Kind {
	case HTTP, HTTPS, TCP:
		return fmt.Sprintf("%s/%d", e.Kind, e.Port)
	case Agent, Exec:
	}
	return string(e.Kind)
}
