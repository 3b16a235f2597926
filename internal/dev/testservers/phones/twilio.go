package phones

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as Twilio signs
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Credentials of the server for Twilio.
const (
	TwilioAccount = "AC0123456789abcdef0123456789abcdef"
	TwilioToken   = "twilio-auth-token-0123456789"
	TwilioFrom    = "+15005550006"
)

// Twilio starts a server that takes messages as Twilio's REST API does.
func Twilio(t testing.TB) *Server {
	var s *Server
	s = start(t, false, func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status, code int, message string) {
			answer(w, status, map[string]any{
				"code": code, "message": message, "status": status, "more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
			})
		}
		account := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/2010-04-01/Accounts/"), "/Messages.json")
		user, password, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(body))
		fields := map[string]string{}
		for name := range form {
			fields[name] = form.Get(name)
		}
		switch {
		case r.Method != http.MethodPost || "/2010-04-01/Accounts/"+account+"/Messages.json" != r.URL.Path || account != TwilioAccount:
			refuse(404, 20404, "The requested resource "+r.URL.Path+" was not found")
		case user != TwilioAccount || password != TwilioToken:
			refuse(401, 20003, "Authenticate")
		case err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
			refuse(400, 20001, "Invalid parameter")
		case form.Get("Body") == "":
			refuse(400, 21602, "Message body is required")
		case form.Get("MessagingServiceSid") == "" && form.Get("From") != TwilioFrom:
			refuse(400, 21606, "The 'From' phone number provided is not a valid message-capable Twilio phone number")
		case !strings.HasPrefix(form.Get("To"), "+"):
			refuse(400, 21211, "Invalid 'To' Phone Number: "+form.Get("To"))
		case s.accept(w, r, Message{To: form.Get("To"), Text: form.Get("Body"), Fields: fields, Header: r.Header, Body: body}):
			answer(w, http.StatusCreated, map[string]any{
				"sid": "SM" + id(), "status": "queued", "num_segments": "1", "error_code": nil, "to": form.Get("To"),
				"account_sid": account,
			})
		}
	})
	return s
}

// TwilioSignature returns X-Twilio-Signature of a webhook: of its URL and the parameters of its form.
func TwilioSignature(token, address string, form url.Values) string {
	text := address
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			text += name + value
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
