package fakevm

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// agentService is the guest agent: one channel, one command at a time.
type agentService struct {
	ep      *endpoint
	state   AgentState // of a real agent
	channel Session    // nil while the agent is down
	conn    *agentConn
	// away: the agent closed the channel by itself (AgentReply.Disconnect)
	// and waits for backAt, or for another step when that is nil.
	away     bool
	awayStep *stepState
	backAt   *guestTimer
}

// implied is the agent of a program that scripts commands but no agent: they
// need a healthy one.
var implied = prepared{reply: &Reply{Agent: &AgentReply{}}}

// followAgent opens or closes the channel as the script says now.
func (g *Guest) followAgent() {
	if g.keeper != nil {
		g.keepAgent()
		return
	}
	a := &g.agent
	next := g.agentPeek()
	if a.away && a.ep != nil && a.ep.step() != a.awayStep {
		a.away = false
		g.clock.stop(a.backAt)
		a.backAt = nil
	}
	up := next != nil && !next.reply.agent().Down && !a.away
	switch {
	case up && a.channel == nil:
		g.openAgent()
	case !up && a.channel != nil:
		g.shutAgent()
	case up && a.conn != nil && !g.AgentStopped():
		a.conn.goOn()
	}
}

// agentPeek is the reply that the next command gets; nil: no agent.
func (g *Guest) agentPeek() *prepared {
	if g.agent.ep != nil {
		return g.agent.ep.peek()
	}
	if g.exec.ep != nil && g.exec.ep.spec.Kind == Exec {
		return &implied
	}
	return nil
}

func (r *Reply) agent() *AgentReply {
	if r.Agent == nil {
		return &AgentReply{}
	}
	return r.Agent
}

func (g *Guest) openAgent() {
	ch, err := g.host.AgentChannel(func(s Session) Handler {
		c := &agentConn{}
		c.sent = func() { c.said(c.saying) }
		g.attach(&c.conn, s, c)
		g.agent.conn = c
		return &c.conn
	})
	if err != nil {
		g.host.Log(Record{At: g.Uptime(), Endpoint: string(Agent), Note: "no channel: " + err.Error()})
		return
	}
	g.agent.channel = ch
}

// shutAgent closes the channel: the agent has stopped. What it had not
// answered is lost.
func (g *Guest) shutAgent() {
	a := &g.agent
	if a.conn != nil {
		a.conn.detach()
		a.conn.drop()
		a.conn = nil
	}
	if a.channel != nil {
		a.channel.Close()
		a.channel = nil
	}
}

// closeAgent ends the agent with the boot.
func (g *Guest) closeAgent() {
	if g.keeper != nil {
		g.setAgent(AgentDown)
		return
	}
	g.shutAgent()
	g.agent.away, g.agent.backAt, g.agent.awayStep = false, nil, nil
}

// agentConn is the channel as the agent reads it. Commands are worked off one
// after the other: a slow one delays the next.
type agentConn struct {
	conn
	frames frames
	queue  []command
	held   []command // that came while the agent was stopped
	busy   bool
	timer  *guestTimer
	taken  func() // what waits for the last reply to be taken
	send   sender
	saying *AgentReply // that send is at work on
	sent   func()      // follows the last byte of it
}

// maxQueue bounds the commands that wait for a slow agent.
const maxQueue = 64

// OnData takes bytes of the host.
func (c *agentConn) OnData(b []byte) {
	c.frames.feed(b, func(o []byte) { c.enqueue(c.g.opts.Blueprint.command(o)) }, func() { c.enqueue(command{broken: true}) })
}

func (c *agentConn) enqueue(cmd command) {
	if len(c.queue) < maxQueue {
		c.queue = append(c.queue, cmd)
	}
	c.work()
}

func (c *agentConn) work() {
	for !c.busy && c.attached && len(c.queue) > 0 {
		cmd := c.queue[0]
		c.queue = slices.Delete(c.queue, 0, 1)
		c.busy = true
		c.g.agentCommand(c, &cmd)
	}
}

// hold keeps a command that an agent which is stopped has not read.
func (c *agentConn) hold(cmd command) {
	if len(c.held) < maxQueue {
		cmd.late = true
		c.held = append(c.held, cmd)
	}
}

// goOn works off what came while the agent was stopped, before all that comes
// later.
func (c *agentConn) goOn() {
	if len(c.held) > 0 {
		c.queue, c.held = append(c.held, c.queue...), nil
		c.work()
	}
}

// say sends parts with the pace of the reply, after its delay, and then takes
// the next command.
func (c *agentConn) say(r *AgentReply, delay guestDelay, parts []part) {
	pace := pace{bytes: r.ChunkBytes, every: r.ChunkEvery}
	if pace.every > 0 && pace.bytes == 0 {
		pace.bytes = 1
	}
	c.saying = r
	if delay > 0 {
		c.timer = c.g.clock.after(delay, func() {
			c.timer = nil
			c.send.start(&c.g.clock, c.s, flatten(parts), pace, c.sent)
		})
		return
	}
	c.timer = nil
	c.send.start(&c.g.clock, c.s, flatten(parts), pace, c.sent)
}

// closeGrace is how long an agent that goes down waits for its last reply to
// be taken, so that closing the port does not swallow it.
const closeGrace = 100 * time.Millisecond

// said follows the last byte of a reply. An agent that goes down after it
// does so when the reply is taken.
func (c *agentConn) said(r *AgentReply) {
	next := c.g.agentPeek()
	switch {
	case r.Disconnect:
		c.whenTaken(func() { c.g.agentCrashed(r) })
	case next == nil || next.reply.agent().Down:
		c.whenTaken(c.g.followAgent)
	default:
		c.busy = false
		c.work()
	}
}

// whenTaken calls fn when nothing is pending any more, or after the grace.
func (c *agentConn) whenTaken(fn func()) {
	if c.s.Pending() == 0 {
		c.busy = false
		fn()
		return
	}
	c.taken = fn
	c.timer = c.g.clock.after(closeGrace, c.lastTaken)
}

func (c *agentConn) lastTaken() {
	if fn := c.taken; fn != nil {
		c.g.clock.stop(c.timer)
		c.taken, c.timer, c.busy = nil, nil, false
		fn()
	}
}

// agentCrashed closes the channel from inside.
func (g *Guest) agentCrashed(r *AgentReply) {
	a := &g.agent
	g.shutAgent()
	a.away = true
	if a.ep != nil {
		a.awayStep = a.ep.step()
	}
	if r.Reconnect > 0 {
		a.backAt = g.clock.after(r.Reconnect, func() {
			a.away, a.backAt = false, nil
			g.followAgent()
		})
	}
}

// drop forgets what the agent was doing.
func (c *agentConn) drop() {
	c.g.clock.stop(c.timer)
	c.send.halt()
	c.queue, c.held, c.timer, c.taken = nil, nil, nil, nil
}

// OnClose: the host let go of the channel. The agent does not notice; what it
// writes goes nowhere until the host is back.
func (c *agentConn) OnClose(error) {
	c.drop()
	if c.g.agent.conn == c {
		c.g.agent.conn = nil
	}
	c.detach()
}

// OnDrained goes on with a long reply, or with what waits for its end.
func (c *agentConn) OnDrained() {
	c.send.drained()
	if c.taken != nil && c.s.Pending() == 0 {
		c.lastTaken()
	}
}

// returned is {"return": value} and a newline.
func returned(value string) []part {
	return once([]byte(`{"return": ` + value + "}\n"))
}

// failed is an error reply.
func failed(class, desc string) []part {
	return once([]byte(`{"error": {"class": ` + strconv.Quote(class) + `, "desc": ` + quoteJSON(desc) + "}}\n"))
}

func quoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}
