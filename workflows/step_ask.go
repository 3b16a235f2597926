package workflows

import (
	"strconv"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ask sends a question and waits for the reply: the first message of the customer after it that an arm takes. The
// timeout counts from when the question was sent.
func (r *run) ask(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Ask)
	reading := &replyMatch{run: r, spec: spec, key: r.key(step)}
	p := waitSpec{
		kind:  step.Kind,
		step:  step.ID,
		label: label(step),
		key:   reading.key,
		asked: true,
		words: []string{"a reply to " + spec.Question.Message},
		find:  reading.find,
	}
	if r.resumesWait() && r.state.Wait.Asked {
		p.until = r.resumedUntil(ctx, spec.Timeout)
	} else {
		question := r.message(step, spec.Question)
		question.order.Keep = true
		result, said, err := r.sendUntilDone(ctx, step, reading.key, question)
		if err != nil || !said {
			return step.Next, err
		}
		delete(r.state.Taken, step.ID) // what an earlier visit took
		arm := settleArm(&result)
		r.state.Steps[step.ID] = sendFields(result)
		if arm != "" {
			next := nextAfterSend(&spec.Question, arm, step.Next)
			r.completeStep(ctx, step, "not asked: "+sendWords(result), arm,
				r.resultOf(step, map[string]any{"timed_out": next == spec.OnTimeout}))
			return next, nil
		}
		r.state.markMessagesOld()
		r.state.log(stamp(r.now(ctx)) + " " + label(step) + ": asked " + spec.Question.Message + byChannel(result.Channel))
		p.until = r.now(ctx).Add(spec.Timeout)
	}
	end, err := r.waitLoop(ctx, p)
	if err != nil {
		return 0, err
	}
	r.markBufferOld(end)
	if end.cause == waitDue {
		r.completeStep(ctx, step, "timed out", journey.ArmTimeout, r.resultOf(step, map[string]any{"timed_out": true}))
		return spec.OnTimeout, nil
	}
	if end.cause != waitFound {
		return step.Next, nil
	}
	r.state.Taken[step.ID], r.state.Last = reading.event.ID, reading.event
	reply := reading.reply
	result := map[string]any{"intent": reply.Intent, "confidence": reply.Confidence, "timed_out": false}
	if r.prog.Reads().Text {
		result["text"] = reply.Text
	}
	r.completeStep(ctx, step, replyWords(reply), journey.ArmNumber(reply.Arm), r.resultOf(step, result))
	return spec.Replies[reply.Arm].Then, nil
}

// resultOf returns the result of a step so far, with more added.
func (r *run) resultOf(step *journey.Step, more map[string]any) map[string]any {
	result := map[string]any{}
	for _, part := range []map[string]any{r.state.Steps[step.ID], more} {
		for _, key := range workflow.DeterministicKeys(part) {
			result[key] = part[key]
		}
	}
	return result
}

// replyMatch finds a reply that an arm takes.
type replyMatch struct {
	run   *run
	spec  *journey.Ask
	key   string             // of this visit
	event *contract.Delivery // taken
	reply contract.ReplyResult
}

// find has the store classify the messages that arrived after the question, oldest first. The text stays in the store,
// unless the journey names it.
func (x *replyMatch) find(ctx workflow.Context, _ *wait) (bool, error) {
	r := x.run
	for i := 0; i < len(r.state.Buffer); i++ {
		kept := r.state.Buffer[i]
		if kept.Delivery.Event == nil || kept.Delivery.Event.Name != journey.MessageReceived || kept.Old || kept.Tried == x.key {
			continue
		}
		order := contract.Reply{Ref: r.ref(), Event: kept.Delivery.ID, Step: stepOf(x.key), Arms: x.spec.Replies, Text: r.prog.Reads().Text}
		var reply contract.ReplyResult
		if err := r.local(ctx, contract.ReplyActivity, "classify a reply", order, &reply); err != nil {
			return false, err
		}
		if reply.Arm >= 0 && reply.Arm < len(x.spec.Replies) {
			d := r.state.unbuffer(i)
			x.event, x.reply = &d, reply
			return true, nil
		}
		r.state.Buffer[i].Tried = x.key
	}
	return false, nil
}

// stepOf returns the step id in a key. It is the id that the step had when the visit began, by which the send
// is stored, even if a revision has renamed the step since.
func stepOf(key string) string {
	parts := strings.Split(key, "/")
	return parts[max(len(parts)-2, 0)]
}

// replyWords describes how a reply was understood, never what was written: answered: refund (0.83).
func replyWords(a contract.ReplyResult) string {
	if a.Intent == "" {
		return "answered"
	}
	return "answered: " + a.Intent + " (" + strconv.FormatFloat(a.Confidence, 'f', 2, 64) + ")"
}

// byChannel names the channel of a send in a sentence.
func byChannel(channel string) string {
	if channel == "" {
		return ""
	}
	return " by " + channel
}
