package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"citygate/sync/wire"
)

// Command takes a command. What it leads to is told through Options.Result.
func (c *Control) Command(cmd wire.Command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	if r, known := c.state.Commands[cmd.ID]; known {
		c.o.Result(r.Result)
		return
	}
	c.forget(now)
	r := record{NotAfter: cmd.NotAfter, Result: wire.CommandResult{ID: cmd.ID, At: now.UnixMicro()}}
	switch _, able := c.o.Actions[cmd.Name]; {
	case !able:
		r.Result.State, r.Result.Reason = wire.ResultRejected, fmt.Sprintf("this gateway knows no command %s", cmd.Name)
	case now.Unix() > cmd.NotAfter:
		r.Result.State, r.Result.Reason = wire.ResultExpired, "it came after its time"
	case !c.o.Synced():
		c.reject(r, noClock)
		return
	case len(c.queue) >= queued || len(c.state.Commands) >= kept:
		c.reject(r, "too many commands wait")
		return
	default:
		r.Result.State = wire.ResultAccepted
	}
	c.state.Commands[cmd.ID] = r
	if err := c.save(); err != nil {
		delete(c.state.Commands, cmd.ID)
		c.o.Logger.Error("command not taken", "command", cmd.Name, "id", cmd.ID, "error", err)
		c.reject(r, "it could not be remembered: the disk cannot be written")
		return
	}
	c.o.Logger.Info("command", "command", cmd.Name, "id", cmd.ID, "state", r.Result.State)
	c.o.Result(r.Result)
	if r.Result.State == wire.ResultAccepted {
		c.queue = append(c.queue, cmd)
		c.poke()
	}
}

func (c *Control) reject(r record, reason string) {
	r.Result.State, r.Result.Reason = wire.ResultRejected, reason
	c.o.Result(r.Result)
}

// forget drops commands whose time has long been over: seen again they would be
// expired. c.mu is held.
func (c *Control) forget(now time.Time) {
	for id, r := range c.state.Commands {
		if time.Unix(r.NotAfter, 0).Add(keepOver).Before(now) {
			delete(c.state.Commands, id)
		}
	}
}

// do begins and ends one command. It is running on the disk before it begins.
func (c *Control) do(ctx context.Context, cmd wire.Command) {
	if c.o.Now().Unix() > cmd.NotAfter {
		c.advance(cmd, wire.ResultExpired, "its turn came after its time", nil, false)
		return
	}
	if !c.advance(cmd, wire.ResultRunning, "", nil, false) {
		return
	}
	detail, err := c.o.Actions[cmd.Name](ctx, cmd.Args)
	switch {
	case errors.Is(err, ErrEnding):
		c.advance(cmd, wire.ResultRunning, "", detail, true)
	case err != nil:
		c.advance(cmd, wire.ResultFailed, err.Error(), detail, false)
	default:
		c.advance(cmd, wire.ResultOK, "", detail, false)
	}
}

// advance remembers and tells progress. It reports false when it could not be
// remembered; then a command that was to begin has failed.
func (c *Control) advance(cmd wire.Command, state, reason string, detail map[string]string, ending bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.state.Commands[cmd.ID]
	r.Ending = ending
	r.Result = wire.CommandResult{ID: cmd.ID, State: state, At: c.o.Now().UnixMicro(), Reason: line(reason), Detail: detail}
	if _, err := r.Result.Encode(); err != nil {
		c.o.Logger.Error("details of a command cannot be told", "command", cmd.Name, "error", err)
		r.Result.Detail = nil
	}
	c.state.Commands[cmd.ID] = r
	err := c.save()
	if err != nil {
		c.o.Logger.Error("progress of a command not remembered", "command", cmd.Name, "error", err)
		if state == wire.ResultRunning && !ending {
			r.Result.State, r.Result.Reason = wire.ResultFailed, "it could not be remembered: the disk cannot be written"
			c.state.Commands[cmd.ID] = r
		}
	}
	c.o.Logger.Info("command", "command", cmd.Name, "id", cmd.ID, "state", r.Result.State, "reason", r.Result.Reason)
	c.o.Result(r.Result)
	return err == nil
}

// repeatAll tells the newest progress of all commands that are remembered and
// may not have been told.
func (c *Control) repeatAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.state.Commands {
		if time.Unix(r.NotAfter, 0).After(c.o.Now()) {
			c.o.Result(r.Result)
		}
	}
}

// line makes an error's text a line of a result.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	const most = 256
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
