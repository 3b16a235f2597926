package devsinks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/clock"
)

func metaError(w http.ResponseWriter, status, code int, details string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"message": fmt.Sprintf("(#%d) a fault", code), "type": "OAuthException", "code": code, "fbtrace_id": random()[:11],
		"error_data": map[string]string{"messaging_product": "whatsapp", "details": details},
	}})
}

func (c *chatServer) whatsapp(w http.ResponseWriter, r *http.Request) {
	body, ok := c.open(w, r, func() { metaError(w, http.StatusUnauthorized, 190, "Invalid OAuth access token") })
	if !ok {
		return
	}
	if r.PathValue("phone") != whatsappPhone {
		metaError(w, http.StatusBadRequest, 33, "the number does not exist")
		return
	}
	var request struct {
		Product  string `json:"messaging_product"`
		To, Type string
		Text     struct{ Body string }
		Template struct {
			Name       string
			Language   struct{ Code string }
			Components []struct {
				Type       string
				Parameters []struct{ Type, Text string }
			}
		}
		Opaque string `json:"biz_opaque_callback_data"`
	}
	if err := json.Unmarshal(body, &request); err != nil || request.Product != "whatsapp" || request.To == "" {
		metaError(w, http.StatusBadRequest, 100, "Invalid parameter")
		return
	}
	chat := Chat{
		Channel: "whatsapp", To: "+" + strings.TrimPrefix(request.To, "+"), Template: request.Template.Name,
		Language: request.Template.Language.Code, Key: request.Opaque, Received: clock.Wall(), Raw: body,
		ProviderID: "wamid." + random(),
	}
	if request.Type == "text" {
		switch chat.Text = request.Text.Body; {
		case strings.TrimSpace(chat.Text) == "" || utf8.RuneCountInString(chat.Text) > 4096:
			metaError(w, http.StatusBadRequest, 100, "the text is empty, or has more than 4096 characters")
			return
		case !c.inSession(chat.To):
			metaError(w, http.StatusBadRequest, 131047, "more than 24 hours have passed since the customer last replied to this number")
			return
		}
	} else if request.Type != "template" || chat.Template == "" || chat.Language == "" || strings.Contains(chat.Language, "-") {
		metaError(w, http.StatusNotFound, 132001, "the template name does not exist in the translation")
		return
	}
	for _, component := range request.Template.Components {
		for _, p := range component.Parameters {
			blank := strings.TrimSpace(p.Text) == "" || strings.ContainsAny(p.Text, "\n\t") || strings.Contains(p.Text, "     ")
			if p.Type != "text" || blank {
				metaError(w, http.StatusBadRequest, 131008, "a parameter is empty, or has a line break, a tab or more than four blanks")
				return
			}
			chat.Values = append(chat.Values, p.Text)
		}
	}
	keep := func() { c.kept.add(func(id int) Chat { chat.ID = id; return chat }) }
	if c.fault(w, r, "whatsapp", chat.To, keep) {
		return
	}
	keep()
	writeJSON(w, http.StatusOK, map[string]any{
		"messaging_product": "whatsapp",
		"contacts":          []any{map[string]string{"input": request.To, "wa_id": strings.TrimPrefix(chat.To, "+")}},
		"messages":          []any{map[string]string{"id": chat.ProviderID, "message_status": "accepted"}},
	})
}

// whatsappPhone is the id of the number that the sink sends from.
const whatsappPhone = "106540352242922"

// whatsappWindow is how long after a customer's message the sink takes texts for the number.
const whatsappWindow = 24 * time.Hour

func (c *chatServer) inSession(number string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.wrote[number]
	return ok && clock.Wall().Sub(at) < whatsappWindow
}

// WhatsAppWrote has a customer write to the number at a moment: for 24 hours from then, it takes texts for them.
func (s *Sink) WhatsAppWrote(number string, at time.Time) {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	s.chat.wrote[number] = at
}
