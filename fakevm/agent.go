package fakevm

import (
	"encoding/json"
	"strconv"
)

// agentService is the guest agent: one channel, one command at a time.
type agentService struct {
	ep      *endpoint
	channel Session // nil while the agent is down
	conn    *agentConn
	// away: the agent closed the channel by itself (AgentReply.Disconnect)
	// and waits for backAt, or for another step when that is nil.
	away     bool
	awayStep *stepState
	backAt   *guestTimer
}

// implied is the agent of a program that scripts commands but no agent: they
// need a healthy one.
var implied = prepared{reply: &Reply{Agent: &AgentReply{}}} //nolint:gochecknoglobals // never changed

// followAgent opens or closes the channel as the script says now.
func (g *Guest) followAgent() {
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
	g.shutAgent()
	g.agent.away, g.agent.backAt, g.agent.awayStep = false, nil, nil
}

// agentConn is the channel as the agent reads it. Commands are worked off one
// after the other: a slow one delays the next.
type agentConn struct {
	conn
	frames frames
	queue  []command
	busy   bool
	timer  *guestTimer
	send   sender
}

// command is one line of the host.
type command struct {
	Execute   string          `json:"execute"`
	Arguments json.RawMessage `json:"arguments"`
	ID        json.RawMessage `json:"id"`
	broken    bool
}

// maxQueue bounds the commands that wait for a slow agent.
const maxQueue = 64

// OnData takes bytes of the host.
func (c *agentConn) OnData(b []byte) {
	c.frames.feed(b, func(o []byte) {
		var cmd command
		if err := json.Unmarshal(o, &cmd); err != nil {
			cmd = command{broken: true}
		}
		c.enqueue(cmd)
	}, func() { c.enqueue(command{broken: true}) })
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
		c.queue = c.queue[1:]
		if len(c.queue) == 0 {
			c.queue = nil
		}
		c.busy = true
		c.g.agentCommand(c, &cmd)
	}
}

// say sends parts with the pace of the reply, after its delay, and then takes
// the next command.
func (c *agentConn) say(r *AgentReply, delay guestDelay, parts []part) {
	pace := pace{bytes: r.ChunkBytes, every: r.ChunkEvery}
	if pace.every > 0 && pace.bytes == 0 {
		pace.bytes = 1
	}
	begin := func() {
		c.timer = nil
		c.send.start(&c.g.clock, c.s, flatten(parts), pace, func() { c.said(r) })
	}
	if delay > 0 {
		c.timer = c.g.clock.after(delay, begin)
		return
	}
	begin()
}

// said follows the last byte of a reply.
func (c *agentConn) said(r *AgentReply) {
	c.busy = false
	if r.Disconnect {
		c.g.agentCrashed(r)
		return
	}
	c.g.followAgent()
	c.work()
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
	c.queue, c.timer = nil, nil
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

// OnDrained goes on with a long reply.
func (c *agentConn) OnDrained() { c.send.drained() }

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
